# shellcheck shell=bash
# Stands before every command of the platform's account (host-command.ts). What the command is told comes as NAME=value
# lines on standard input. Nothing of it is ever read by a shell: a name is taken only if the command asks for it, a value
# only if it fits the name's pattern.
set -euo pipefail
umask 022
unset LC_ALL
export LANG=C.UTF-8

readonly LABEL='[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
# Values are matched as bytes: whatever is not ASCII passes as it is. Bounds are small, because large ones take the
# matcher 50 ms and more; a line's length has a bound of its own.
readonly LONGEST=16384
declare -rA PATTERNS=(
  [VERSION]='[0-9a-f]{12}'
  [SUBDOMAIN]='[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?'
  [TUNNEL]="$LABEL-tunnel"
  [SERVICE]="cloudflared-$LABEL-tunnel"
  [TOKEN]='[A-Za-z0-9+/=_-]{20}[A-Za-z0-9+/=_-]*'
  [ROLE_PASSWORD]='[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*'
  [SUSPENDED]='(yes)?'
  [RESTART]='(yes)?'
  [MODULES]='([a-z0-9_]+(,[a-z0-9_]+)*)?'
  [ADMIN_LOGIN]="[A-Za-z0-9_'+.-]+@[A-Za-z0-9.-]+"
  [ADMIN_PASSWORD_HASH]='[$]pbkdf2-sha512[$][0-9]{1,7}[$][A-Za-z0-9./]+[$][A-Za-z0-9./]+'
  [BASE_URL]='https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?'
  [CUSTOM_DOMAINS]="($LABEL(\\.$LABEL)+( $LABEL(\\.$LABEL)+)*)?"
  [COMPANY_NAME]='[^[:cntrl:]]*'
  [LANGUAGE]='([a-z]{2,3}(_[A-Z]{2})?)?'
  [COUNTRY]='([A-Z]{2})?'
  [ODOO_PORT]='[0-9]{1,5}'
  [PLAN]='[a-z][a-z0-9-]{0,30}'
  [LOG_LINES]='[0-9]{1,5}'
  # Of the journal: systemd.journal-fields(7), __CURSOR.
  [CURSOR]='([a-z]=[0-9a-f]{1,32}(;[a-z]=[0-9a-f]{1,32})*)?'
)

refuse() {
  printf 'odoosaas: %s\n' "$1" >&2
  exit 64
}

# take exactly NAME...: each must come, and nothing else. take some NAME...: what an earlier release sent besides is passed
# over. No message tells a value: it may be a secret.
take() {
  local how=$1 line='' name value
  shift
  # shellcheck disable=SC2034 # matched as bytes, see above
  local LC_ALL=C
  local -A wanted=() taken=()
  for name in "$@"; do wanted[$name]=yes; done
  while IFS= read -r line; do
    name=${line%%=*} value=${line#*=}
    if ! [[ $line == *=* && $name =~ ^[A-Z_]{1,40}$ ]]; then refuse 'a line of the input is no NAME=value'; fi
    if [[ -z ${wanted[$name]:-} ]]; then
      if [ "$how" = some ]; then continue; fi
      refuse "this host's commands know no variable $name here: they are of another release than the program. $REMEDY"
    fi
    if [[ -n ${taken[$name]:-} ]]; then refuse "$name came twice"; fi
    if ((${#line} > LONGEST)); then refuse "the value of $name is not allowed"; fi
    if ! [[ $value =~ ^(${PATTERNS[$name]})$ ]]; then refuse "the value of $name is not allowed"; fi
    printf -v "$name" %s "$value"
    taken[$name]=yes
  done
  if [ -n "$line" ]; then refuse 'the input ends within a line'; fi
  for name in "$@"; do
    if [[ -z ${taken[$name]:-} ]]; then
      refuse "$name is missing: this host's commands are of another release than the program. $REMEDY"
    fi
  done
  if [[ -n ${wanted[VERSION]:-} && $VERSION != "$COMMAND_VERSION" ]]; then
    refuse "this host's commands are of another release than the program (here $COMMAND_VERSION, wanted $VERSION). $REMEDY"
  fi
}
readonly REMEDY='Bring the platform'\''s stack up (pulumi up -s prod) with the release that the server runs.'

# Locks are where only root can put something in their place.
readonly LOCKS=/run/odoosaas-locks
make_locks() {
  install -d -m 0700 "$LOCKS"
}

