#!/usr/bin/env bash
# Exchanges the password of the host's own Odoo role in PostgreSQL (rotate). May run again after a failure at any line. A
# command of the platform's account: variables.sh stands before it, then ../tenant/pgbouncer.sh, which lets new
# sessions wait meanwhile. The new password is drawn here and never leaves the host.
#
# Odoo has its password in memory and shows it to PgBouncer on this host only, so that is another one from the first
# rotation on: it goes on as it is, or is exchanged together with a restart of Odoo (RESTART=yes), which nothing else can.

PENDING=$OWNER_PASSWORD.next

fail() {
  printf 'host-role: %s\n' "$1" >&2
  exit 1
}

config_value() {
  sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*\$/\\1/p" "$ODOO_CONFIG" | tail -n 1
}

rotate() {
  local old new
  old=$(owner_password)
  if [ ! -s "$PENDING" ]; then
    install -d -m 0755 "${PENDING%/*}"
    (umask 077 && draw >"$PENDING.new")
    mv "$PENDING.new" "$PENDING"
  fi
  new=$(<"$PENDING")
  if ! as_role "$new" >/dev/null <<<'select 1'; then
    hold
    change "$old" "$new"
  fi
  # From here on the platform's own commands log in with the new one.
  map_role "$new"
  mv "$PENDING" "$OWNER_PASSWORD"
  release
  if [ -n "$RESTART" ]; then exchange_odoo; fi
}

draw() {
  head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'
}

# The role may change its own password.
change() {
  local said
  export ROLE_PASSWORD=$2
  said=$(as_role "$1" <<'SQL'
\set password `printenv ROLE_PASSWORD`
alter role current_user password :'password';
SQL
  ) || fail "the password of $ODOO_ROLE could not be changed: $said"
}

as_role() {
  PGPASSWORD=$1 PGUSER=$ODOO_ROLE PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT PGSSLMODE=$POSTGRES_SSLMODE \
    PGAPPNAME=odoosaas PGCONNECT_TIMEOUT=5 psql -X -q -v ON_ERROR_STOP=1 -d "$MAINTENANCE_DATABASE" 2>&1
}

# What PgBouncer logs in with where it acts as the host's role: Odoo's list of databases.
map_role() {
  local file=/etc/pgbouncer/pgbouncer.ini
  replacing "$file" sed -E "/^[^;#[]*=.*[[:space:]]user=$ODOO_ROLE([[:space:]]|\$)/{
    s/[[:space:]]+password=('([^']|'')*'|[^[:space:]]*)//
    s/[[:space:]]*\$/ password='$1'/
  }" "$file"
}

# replacing FILE COMMAND...: what the command prints takes the file's place, with its owner and mode.
replacing() {
  local file=$1
  shift
  (umask 077 && "$@" >"$file.new")
  chown --reference="$file" "$file.new"
  chmod --reference="$file" "$file.new"
  mv "$file.new" "$file"
}

# What Odoo shows to PgBouncer. Both have it while Odoo is down, which takes seconds; drawn anew by each try.
exchange_odoo() {
  local word list
  word=$(draw)
  list=$(pgbouncer_value auth_file)
  replacing "$ODOO_CONFIG" sed -E "s/^([[:space:]]*db_password[[:space:]]*=[[:space:]]*).*/\\1$word/" "$ODOO_CONFIG"
  systemctl stop "$ODOO_SERVICE"
  replacing "$list" sed -E "s/^\"$ODOO_ROLE\"[[:space:]].*/\"$ODOO_ROLE\" \"$word\"/" "$list"
  systemctl reload pgbouncer
  systemctl start "$ODOO_SERVICE"
  local deadline=$((SECONDS + 60))
  until curl -s -o /dev/null -m 10 "http://127.0.0.1:$ODOO_PORT/web/webclient/version_info"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "Odoo does not answer on port $ODOO_PORT. See: journalctl -u $ODOO_SERVICE"
    sleep 0.1
  done
}

main() {
  case "${1:-}" in
    rotate) take exactly RESTART ;;
    *) refuse 'usage: rotate' ;;
  esac
  exec </dev/null
  # PgBouncer's name for the maintenance database.
  # shellcheck disable=SC2034 # read in pgbouncer.sh
  DATABASE=postgres
  make_locks
  exec 9>"$LOCKS/host-role"
  flock -w 100 9 || fail "another run exchanges this password for over a minute."
  "$1"
}

main "$@"
