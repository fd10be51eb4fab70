#!/usr/bin/env bash
# Gives the platform its account on a host, and the commands that this account may run as root (up). `down` leaves them:
# tenants may still have to be removed with them (docs/operations/host.md). May run again after a failure at any line.
# Variables: see host-commands.ts.
set -euo pipefail
umask 022

DIRECTORY=/usr/local/lib/odoosaas
SUDOERS_FILE=/etc/sudoers.d/odoosaas
# What this script ever installs here; other files in the directory are not its own.
OWN='odoo-database connector connector-unit host-role operator-script create-tenant door'

fail() {
  printf 'install-commands: %s\n' "$1" >&2
  exit 1
}

up() {
  local tool
  for tool in sudo visudo useradd usermod runuser; do
    command -v "$tool" >/dev/null || fail "$tool is missing on this host: apt-get install sudo passwd util-linux"
  done
  make_account
  install -d -m 0755 -o root -g root "$DIRECTORY"
  install_commands
  install_sudoers
  install_keys
  check
}

# With nothing of its own: root owns its home, so that it cannot let another key in, or have a shell read a file.
make_account() {
  if ! id -u "$ACCOUNT" >/dev/null 2>&1; then
    useradd --system --user-group --home-dir /var/lib/odoosaas --no-create-home --shell /bin/sh "$ACCOUNT"
  fi
  [ "$(id -u "$ACCOUNT")" -ne 0 ] || fail "$ACCOUNT is root by another name. Choose an account of the platform's own (ssh.user)."
  [ "$(id -G "$ACCOUNT" | wc -w)" -eq 1 ] ||
    fail "$ACCOUNT is in further groups ($(id -Gn "$ACCOUNT")). Take it out of them, or choose another account (ssh.user)."
  # No password fits "*"; "!" would be a locked account, which sshd may refuse. This shell reads no file of the account's.
  usermod --shell /bin/sh --password '*' "$ACCOUNT"
  home=$(getent passwd "$ACCOUNT" | cut -d: -f6)
  case $home in
    /?*) ;;
    *) fail "$ACCOUNT has no home directory." ;;
  esac
  if [ -L "$home" ] || [ -L "$home/.ssh" ]; then fail "$home or $home/.ssh is a link. Remove it."; fi
  install -d -m 0755 -o root -g root "$home"
  install -d -m 0755 -o root -g root "$home/.ssh"
  # Such as what an account is given when it is made.
  find "$home" -xdev -user "$ACCOUNT" -exec chown -h root:root '{}' +
}

# Each is renamed into place: a run that has begun goes on with what it began with.
install_commands() {
  local name variable
  for name in $COMMANDS; do
    variable=TEXT_${name//-/_}
    put "${!variable}" 0700 "$DIRECTORY/$name"
  done
  put "$DOOR" 0755 "$DIRECTORY/door"
  for name in $OWN; do
    case " $COMMANDS door " in
      *" $name "*) ;;
      *) rm -f "$DIRECTORY/$name" ;;
    esac
  done
}

# put TEXT MODE FILE. sudo and sshd pass over names with a dot in them.
put() {
  rm -f "$3.new"
  (umask 077 && printf '%s' "$1" >"$3.new")
  chmod "$2" "$3.new"
  mv "$3.new" "$3"
}

install_sudoers() {
  local checked
  checked=$(mktemp)
  printf '%s' "$SUDOERS" >"$checked"
  visudo -cf "$checked" >&2 || fail "sudo does not take its file for $ACCOUNT."
  rm -f "$checked"
  put "$SUDOERS" 0440 "$SUDOERS_FILE"
}

install_keys() {
  local key lines=''
  while IFS= read -r key; do
    lines+="restrict,command=\"$DIRECTORY/door\" $key"$'\n'
  done <<<"$AUTHORIZED_KEYS"
  rm -f "$home/.ssh/authorized_keys2" "$home/.ssh/rc" "$home/.ssh/environment"
  put "$lines" 0644 "$home/.ssh/authorized_keys"
}

check() {
  local allowed
  allowed=$(grep -oE "$DIRECTORY/[a-z-]+ [a-z]+" "$SUDOERS_FILE" | head -n 1)
  # shellcheck disable=SC2086 # two words
  runuser -u "$ACCOUNT" -- sudo -n -l $allowed >/dev/null ||
    fail "sudo does not read $SUDOERS_FILE: add '@includedir /etc/sudoers.d' to /etc/sudoers"
  if runuser -u "$ACCOUNT" -- sudo -n -l /bin/sh >/dev/null 2>&1; then
    fail "$ACCOUNT may do more by sudo than the platform's commands. Remove its other entries from /etc/sudoers and /etc/sudoers.d."
  fi
}

main() {
  case "${1:-}" in
    up) up ;;
    down) ;;
    *) printf 'usage: up | down\n' >&2 && exit 1 ;;
  esac
}

main "$@" </dev/null
