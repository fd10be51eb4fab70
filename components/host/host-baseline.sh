#!/usr/bin/env bash
# Brings a host to what tenants rely on (up). `down` leaves it: the host is the operator's. May run again after a
# failure at any line. Variables: see host-baseline.ts; docs/operations/host.md tells how to prepare a new host.
set -euo pipefail

problems=()

problem() {
  problems+=("$1")
}

config_value() {
  sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*\$/\\1/p" "$ODOO_CONFIG" | tail -n 1
}

up() {
  for tool in psql curl flock systemctl runuser; do
    command -v "$tool" >/dev/null || problem "$tool is missing: apt-get install postgresql-client curl util-linux"
  done
  check_odoo
  set_up_pgbouncer
  set_up_connector
  set_up_gate
  set_up_suspended_page
  install -d -m 0700 /var/backups/odoosaas
  if [ "${#problems[@]}" -gt 0 ]; then
    printf 'This host is not ready for tenants:\n' >&2
    printf '  - %s\n' "${problems[@]}" >&2
    exit 1
  fi
}

# Settings that keep tenants apart are never assumed.
check_odoo() {
  if [ ! -f "$ODOO_CONFIG" ]; then
    problem "$ODOO_CONFIG is missing: install Odoo, or set odoo.configFile"
    return
  fi
  [ "$(config_value dbfilter)" = '^%d$' ] || problem "$ODOO_CONFIG: dbfilter must be ^%d\$, so that a host name finds its own database only"
  [ "$(config_value list_db)" = False ] || problem "$ODOO_CONFIG: list_db must be False, so that the database manager is closed"
  [ "$(config_value proxy_mode)" = True ] || problem "$ODOO_CONFIG: proxy_mode must be True, because Odoo runs behind cloudflared"
  [ "$(config_value db_user)" = "$ODOO_ROLE" ] || problem "$ODOO_CONFIG: db_user must be $ODOO_ROLE (odoo.role of the platform's settings)"
  [ "$(config_value db_port)" = 6432 ] || problem "$ODOO_CONFIG: db_port must be 6432: Odoo reaches PostgreSQL through PgBouncer"
  case ",$(config_value server_wide_modules | tr -d ' ')," in
    *,odoosaas_gate,*) ;;
    *) problem "$ODOO_CONFIG: server_wide_modules must contain odoosaas_gate (base,web,odoosaas_gate), which keeps RPC and logins to the host name's own database" ;;
  esac
  systemctl is-enabled --quiet "$ODOO_SERVICE" || problem "the service $ODOO_SERVICE is not enabled"
}

set_up_pgbouncer() {
  if [ ! -f /etc/pgbouncer/pgbouncer.ini ]; then
    problem "PgBouncer is missing: apt-get install pgbouncer, then see docs/operations/host.md"
    return
  fi
  install -d -m 0750 /etc/pgbouncer/tenants.d
  if [ ! -f /etc/pgbouncer/tenants.ini ]; then
    install -m 0640 /dev/null /etc/pgbouncer/tenants.ini
    chown --reference=/etc/pgbouncer/pgbouncer.ini /etc/pgbouncer/tenants.ini
  fi
  grep -qE '^%include /etc/pgbouncer/tenants\.ini' /etc/pgbouncer/pgbouncer.ini ||
    problem "/etc/pgbouncer/pgbouncer.ini: add '%include /etc/pgbouncer/tenants.ini' to its [databases]"
  grep -qE '^[[:space:]]*pool_mode[[:space:]]*=[[:space:]]*session' /etc/pgbouncer/pgbouncer.ini ||
    problem "/etc/pgbouncer/pgbouncer.ini: pool_mode must be session (Odoo uses LISTEN and advisory locks)"
  ! grep -qE '^[[:space:]]*\*[[:space:]]*=' /etc/pgbouncer/pgbouncer.ini ||
    problem "/etc/pgbouncer/pgbouncer.ini: remove the fallback database '*', which would let Odoo in under one role everywhere"
}

set_up_connector() {
  id -u cloudflared >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin cloudflared
  install -d -m 0750 -g cloudflared /etc/cloudflared
  [ -x "$CLOUDFLARED" ] || install_cloudflared
}

# Cloudflare's own package: https://pkg.cloudflare.com
install_cloudflared() {
  local architecture
  architecture=$(dpkg --print-architecture)
  if curl -fsSL -m 120 -o "$CLOUDFLARED.new" "https://github.com/cloudflare/cloudflared/releases/latest/download/cloudflared-linux-$architecture"; then
    chmod 0755 "$CLOUDFLARED.new"
    "$CLOUDFLARED.new" --version >/dev/null && mv "$CLOUDFLARED.new" "$CLOUDFLARED"
  else
    rm -f "$CLOUDFLARED.new"
    problem "$CLOUDFLARED is missing and could not be downloaded: install cloudflared, or set cloudflaredPath"
  fi
}

# The module that keeps each host name to its own database; in Odoo's data directory, where it looks by itself.
set_up_gate() {
  local directory="$ODOO_DATA/addons/$ODOO_VERSION/odoosaas_gate"
  if [ ! -d "$ODOO_DATA" ]; then
    problem "$ODOO_DATA is missing: start Odoo once, or set odoo.dataDir"
    return
  fi
  install -d -m 0755 /etc/odoosaas /etc/odoosaas/domains.d
  install -d -m 0755 -o "$ODOO_USER" "$ODOO_DATA/addons" "$ODOO_DATA/addons/$ODOO_VERSION"
  install -d -m 0755 "$directory"
  printf '%s' "$GATE" >"$directory/__init__.py.new"
  printf '%s' "$GATE_MANIFEST" >"$directory/__manifest__.py.new"
  if cmp -s "$directory/__init__.py.new" "$directory/__init__.py" && [ "$(gate_answer)" = closed ]; then
    rm -f "$directory"/*.new
    return
  fi
  mv "$directory/__init__.py.new" "$directory/__init__.py"
  mv "$directory/__manifest__.py.new" "$directory/__manifest__.py"
  [ "${#problems[@]}" -eq 0 ] || return 0
  systemctl restart "$ODOO_SERVICE"
  local deadline=$((SECONDS + 60))
  until [ "$(gate_answer)" = closed ]; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      problem "Odoo's database service is open at port $ODOO_PORT though odoosaas_gate is installed; see: journalctl -u $ODOO_SERVICE"
      return
    fi
    sleep 0.2
  done
}

# Without the gate, anybody may ask whether a database exists; with it the question is an error (of status 500 at a
# host name that has no database, as here), so only an Odoo that answers otherwise counts.
gate_answer() {
  local answer
  answer=$(ask_odoo /jsonrpc '{"jsonrpc":"2.0","params":{"service":"db","method":"db_exist","args":["postgres"]}}')
  case $answer in
    *'"result"'*) printf open ;;
    *)
      case $(ask_odoo /web/webclient/version_info '{"jsonrpc":"2.0","params":{}}') in
        *'"result"'*) printf closed ;;
        *) printf silent ;;
      esac
      ;;
  esac
}

ask_odoo() {
  curl -s -m 10 -H 'content-type: application/json' -d "$2" "http://127.0.0.1:$ODOO_PORT$1" || true
}

# The page of suspended tenants, on a port of its own; none is wanted when SUSPENDED_PAGE is empty.
set_up_suspended_page() {
  local unit=/etc/systemd/system/odoosaas-suspended-page.service program=/usr/local/lib/odoosaas/suspended-page.py
  if [ -z "$SUSPENDED_PAGE" ]; then
    if [ -f "$unit" ]; then systemctl disable --quiet --now odoosaas-suspended-page; fi
    rm -f "$unit" "$program"
    return
  fi
  install -d -m 0755 /usr/local/lib/odoosaas
  printf '%s' "$SUSPENDED_PAGE" >"$program.new"
  suspended_page_unit "$program" >"$unit.new"
  if cmp -s "$program.new" "$program" && cmp -s "$unit.new" "$unit"; then
    rm -f "$program.new" "$unit.new"
  else
    mv "$program.new" "$program"
    mv "$unit.new" "$unit"
    systemctl daemon-reload
    systemctl restart odoosaas-suspended-page
  fi
  systemctl enable --quiet --now odoosaas-suspended-page
}

# In a unit's values "%" and "\" have a meaning of their own, and quotes would end them.
unit_value() {
  printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/%/%%/g'
}

suspended_page_unit() {
  cat <<UNIT
[Unit]
Description=Page of suspended tenants

[Service]
DynamicUser=yes
Environment="PORT=$SUSPENDED_PAGE_PORT"
Environment="PAY_URL=$(unit_value "$SUSPENDED_PAGE_PAY_URL")"
Environment="CONTACT=$(unit_value "$SUSPENDED_PAGE_CONTACT")"
ExecStart=/usr/bin/python3 $1
Restart=on-failure
MemoryMax=128M
NoNewPrivileges=yes
ProtectHome=yes

[Install]
WantedBy=multi-user.target
UNIT
}

main() {
  case "${1:-}" in
    up) up ;;
    down) ;;
    *) printf 'usage: up | down\n' >&2 && exit 1 ;;
  esac
}

main "$@" </dev/null
