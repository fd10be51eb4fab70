#!/usr/bin/env bash
# What PgBouncer is told, and how new sessions of a database wait meanwhile: part of odoo-database.sh and of
# ../host/host-role.sh. `DATABASE` is PgBouncer's name of it.
#
# PAUSE is not used: it ends the logins that are under way, which PgBouncer takes for failed ones, and then it refuses new
# sessions for server_login_retry. A pool that is full begins no login, ends none, and lets its clients wait.

MAPPINGS=/etc/pgbouncer/tenants.d
PUBLISHED=/etc/pgbouncer/tenants.ini

# A file for each database whose new sessions wait, with the process that wants it so.
HELD=/run/odoosaas/held

# One file for PgBouncer from the tenants' files; many tenants may do this at once.
publish() {
  (
    flock -w 60 8 || fail "another tenant holds $MAPPINGS for over a minute."
    install -d -m 0750 "$MAPPINGS"
    forget_killed
    {
      held_maintenance
      find "$MAPPINGS" -name '*.ini' -print0 | sort -z | xargs -0 -r cat
    } | with_full_pools >"$PUBLISHED.new"
    chown --reference=/etc/pgbouncer/pgbouncer.ini "$PUBLISHED.new"
    chmod 0640 "$PUBLISHED.new"
    mv "$PUBLISHED.new" "$PUBLISHED"
    systemctl reload pgbouncer
  ) 8>"$LOCKS/pgbouncer"
}

# What a run that was killed has held is held no longer.
forget_killed() {
  local held
  for held in "$HELD"/*; do
    if [ -e "$held" ] && ! kill -0 "$(<"$held")" 2>/dev/null; then rm -f "$held"; fi
  done
}

# The line of the maintenance database is the operator's. Of two lines the later one is good, so it is repeated.
held_maintenance() {
  if [ ! -e "$HELD/postgres" ]; then return; fi
  sed -nE 's/^[[:space:]]*postgres[[:space:]]*=[[:space:]]*(.*)/postgres = \1/p' /etc/pgbouncer/pgbouncer.ini
}

# A pool of one, which our own session fills. None (0) would mean any number from PgBouncer 1.24 on.
with_full_pools() {
  awk -v held="$HELD" '{ full = (getline ignored < (held "/" $1)) >= 0; print $0 (full ? " pool_size=1 reserve_pool=0" : "") }'
}

# New sessions of this database wait from here until `release`, for at most PgBouncer's query_wait_timeout.
hold() {
  stand
  install -d -m 0711 /run/odoosaas
  install -d -m 0700 "$HELD"
  trap release EXIT
  printf '%s\n' "$$" >"$HELD/.$DATABASE"
  mv "$HELD/.$DATABASE" "$HELD/$DATABASE"
  publish
  local attempt
  for ((attempt = 0; attempt < 40; attempt++)); do
    if is_held; then return; fi
    sleep 0.05
  done
  printf '%s: new sessions of %s could not be held; one that begins just now may be refused\n' "${0##*/}" "$DATABASE" >&2
}

# PgBouncer logs in for a database that it has not seen yet, however full its pool; it has seen one that a session of ours
# is in. One that waits behind others means that the pool is full already.
stand() {
  local ready
  coproc STANDING { { printf 'select 1;\n' && cat; } | odoo_session 2>/dev/null; }
  ready=${STANDING[0]:-} standing=${STANDING[1]:-}
  if [ -n "$ready" ]; then read -r -t 5 _ <&"$ready" || true; fi
}
standing=''

odoo_session() {
  local port
  port=$(pgbouncer_value listen_port)
  PGPASSWORD=$(config_value db_password) PGAPPNAME=odoosaas PGCONNECT_TIMEOUT=20 psql -X -q -A -t \
    -h 127.0.0.1 -p "${port:-6432}" -U "$(config_value db_user)" -d "$DATABASE"
}

# A login that had begun before ends first.
is_held() {
  local logins
  [ "$(shown DATABASES name pool_size)" = 1 ] || return
  logins=$(shown POOLS database sv_login)
  [ -z "${logins//[0$'\n']/}" ]
}

# shown WHAT KEY VALUE: that column of what the console shows, of the rows whose key is this database's name.
shown() {
  console 2 "SHOW $1;" 2>/dev/null | awk -F '|' -v name="$DATABASE" -v key="$2" -v value="$3" '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
    NR > 1 && $(column[key]) == name { print $(column[value]) }'
}

# By one reading PgBouncer has what was changed meanwhile, and begins logins again.
release() {
  trap - EXIT
  rm -f "$HELD/$DATABASE"
  publish
  if [ -z "$standing" ]; then return; fi
  # The signal may not have been heard yet.
  console 5 'RELOAD;' >/dev/null 2>&1 || true
  exec {standing}>&-
  standing=''
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
