#!/usr/bin/env bash
# How the password of a role changes without a failed login: part of odoo-database.sh, which calls it for a tenant's, and
# of ../host/host-role.sh, for the host's own.
#
# PostgreSQL knows one password of a role, and PgBouncer answers one refused login by refusing all new sessions for
# server_login_retry (15 s by default). So PgBouncer lets new sessions wait while the role, by its own right, and the
# mapping are changed; sessions that stand go on. The engine's role resource follows and finds nothing to do.

HELD=/run/odoosaas/held

# Of the host's own role, once that was exchanged (../host/host-role.sh); until then it is the one in Odoo's configuration.
OWNER_PASSWORD=/etc/odoosaas/owner-password

owner_password() {
  if [ -s "$OWNER_PASSWORD" ]; then cat "$OWNER_PASSWORD"; else config_value db_password; fi
}

# Sets the role's password to ROLE_PASSWORD when the mapping has another one that works.
change_password() {
  local old said
  old=$(sed -nE "s/^.* password='(.*)'\$/\\1/p" "$MAPPINGS/$DATABASE.ini")
  if [ "$old" = "$ROLE_PASSWORD" ]; then return; fi
  hold
  export ROLE_PASSWORD
  if said=$(as_tenant "$old" <<'SQL'
\set password `printenv ROLE_PASSWORD`
alter role current_user password :'password';
SQL
  ); then return; fi
  case $said in
    *'password authentication failed'*) ;;
    *) fail "the password of $ROLE could not be changed: $said" ;;
  esac
  # Changed already, by a run that was cut off: the mapping follows. By SQL of the tenant's administrator: only the
  # engine, by the platform's right, can set it (automation/tenants/bring-up.ts knows these words).
  as_tenant "$ROLE_PASSWORD" >/dev/null <<<'select 1' ||
    fail "the password of $ROLE is neither the old nor the new one"
}

# SQL as the tenant's role with this password; prints what went wrong, too.
as_tenant() {
  PGPASSWORD=$1 PGUSER=$ROLE PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT PGSSLMODE=$POSTGRES_SSLMODE \
    PGAPPNAME=odoosaas PGCONNECT_TIMEOUT=5 psql -X -q -v ON_ERROR_STOP=1 -d "$DATABASE" 2>&1
}

# New sessions of this database wait in PgBouncer, for at most its query_wait_timeout. PAUSE itself answers only when
# the standing sessions have ended, which nobody waits for. A console that cannot be reached holds nothing up.
hold() {
  install -d -m 0711 /run/odoosaas
  install -d -m 0700 "$HELD"
  : >"$HELD/$DATABASE"
  trap resume_if_held EXIT
  console 10 "PAUSE \"$DATABASE\";" >/dev/null 2>&1 &
  local attempt
  for ((attempt = 0; attempt < 40; attempt++)); do
    if console 2 'SHOW DATABASES;' 2>/dev/null | awk -F '|' -v name="$DATABASE" '
      NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
      NR > 1 && $(column["name"]) == name && $(column["paused"]) == 1 { found = 1 }
      END { exit !found }'; then return; fi
    sleep 0.05
  done
  printf 'odoo-database: new sessions of %s could not be held; one that begins just now may be refused\n' "$DATABASE" >&2
}

# Also after a run that was cut off. RELOAD first: the signal may not have been heard yet.
resume_if_held() {
  if [ ! -e "$HELD/$DATABASE" ]; then return; fi
  console 5 'RELOAD;' >/dev/null 2>&1 || true
  console 5 "RESUME \"$DATABASE\";" >/dev/null 2>&1 || true
  rm -f "$HELD/$DATABASE"
}

# PgBouncer's console: its own user may come in by the socket without a password.
console() {
  local user directory port
  user=$(ps -o user= -p "$(systemctl show -p MainPID --value pgbouncer)")
  directory=$(pgbouncer_value unix_socket_dir)
  port=$(pgbouncer_value listen_port)
  timeout "$1" runuser -u "$user" -- env PGCONNECT_TIMEOUT=2 "$(command -v psql)" -X -q -A -h "${directory:-/tmp}" -p "${port:-6432}" -U pgbouncer -d pgbouncer -c "$2"
}

pgbouncer_value() {
  sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*\$/\\1/p" /etc/pgbouncer/pgbouncer.ini | tail -n 1
}
