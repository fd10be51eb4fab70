#!/usr/bin/env bash
# Initialises the template database with Odoo (up); deleting it is the database's own business (down). May run again
# after a failure at any line. Variables: see template-database.ts.
set -euo pipefail

fail() {
  printf 'template-database: %s\n' "$1" >&2
  exit 1
}

config=/run/odoosaas/template-$$.conf
log=/run/odoosaas/template-$$.log
server=''

clean_up() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -f "$config" "$log" "$log.cookies" "$log.page"
}

sql() {
  PGPASSWORD=$ROLE_PASSWORD PGUSER=$ROLE PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT PGSSLMODE=$POSTGRES_SSLMODE \
    PGAPPNAME=odoosaas PGOPTIONS='-c client_min_messages=warning' psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$DATABASE"
}

up() {
  exec 9>/run/lock/odoosaas-template.lock
  flock -w 3600 9 || fail "another run builds the template for over an hour."
  install -d -m 0711 /run/odoosaas
  trap clean_up EXIT
  local wanted
  wanted="modules=$MODULES languages=en_US${LANGUAGES:+,$LANGUAGES}"
  if [ "$(built_from)" = "$wanted" ]; then
    return
  fi
  write_config
  # Odoo makes the first language the default of every user.
  run_odoo -i "$MODULES" "--load-language=en_US${LANGUAGES:+,$LANGUAGES}" --without-demo=all --stop-after-init --no-http </dev/null
  make_assets
  settle <<<"$wanted"
}

built_from() {
  sql <<'SQL'
select to_regclass('public.ir_config_parameter') is not null as has_odoo \gset
\if :has_odoo
  select value from ir_config_parameter where key = 'odoosaas.template';
\endif
SQL
}

# The password is in a file that only Odoo reads, and gone afterwards.
write_config() {
  install -m 0600 -o "$ODOO_USER" /dev/null "$config"
  {
    grep -vE '^[[:space:]]*(db_host|db_port|db_user|db_password|db_sslmode|db_name|dbfilter|logfile|workers|max_cron_threads|http_interface|http_port|xmlrpc_port)[[:space:]]*=' "$ODOO_CONFIG"
    printf 'db_host = %s\ndb_port = %s\ndb_user = %s\ndb_password = %s\ndb_sslmode = %s\nworkers = 0\nmax_cron_threads = 0\n' \
      "$POSTGRES_HOST" "$POSTGRES_PORT" "$ROLE" "$ROLE_PASSWORD" "$POSTGRES_SSLMODE"
  } >"$config"
}

run_odoo() {
  local status=0 subcommand=()
  if [ "$1" = shell ]; then
    subcommand=(shell)
    shift
  fi
  runuser -u "$ODOO_USER" -- odoo "${subcommand[@]}" -c "$config" -d "$DATABASE" "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ] || grep -q ' CRITICAL ' "$log"; then
    tail -n 30 "$log" >&2
    fail "Odoo could not prepare the template (exit $status)."
  fi
}

# Visits the login page and the web client once, so that every clone is born with its compiled assets: the first
# visitor of a tenant does not wait for a stylesheet to be compiled.
make_assets() {
  local port password jar=$log.cookies
  port=$((20000 + RANDOM % 1000))
  password=$(head -c 24 /dev/urandom | base64 | tr -d '/+')
  export password
  sql <<'SQL'
\set password `printenv password`
update res_users set password = :'password' where id = 2;
SQL
  # Without a db filter Odoo serves just the database it is told, though its owner is another role.
  runuser -u "$ODOO_USER" -- odoo -c "$config" -d "$DATABASE" --http-interface 127.0.0.1 --http-port "$port" \
    >"$log" 2>&1 </dev/null &
  server=$!
  local deadline=$((SECONDS + 120))
  until [ "$(curl -s -o "$log.page" -w '%{http_code}' -m 60 "http://127.0.0.1:$port/web/login")" = 200 ]; do
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 30 "$log" >&2; fail "Odoo did not serve the template within two minutes."; }
    kill -0 "$server" 2>/dev/null || { tail -n 30 "$log" >&2; fail "Odoo ended while it served the template."; }
    sleep 0.2
  done
  (umask 077 && : >"$jar")
  printf '{"jsonrpc":"2.0","method":"call","params":{"db":"%s","login":"admin","password":"%s"}}' "$DATABASE" "$password" |
    curl -sf -m 60 -o /dev/null -c "$jar" -H 'content-type: application/json' --data-binary @- "http://127.0.0.1:$port/web/session/authenticate"
  curl -sf -m 120 -b "$jar" "http://127.0.0.1:$port/web" >>"$log.page"
  grep -oE '/web/(content|assets)/[^"]+\.(css|js)' "$log.page" | sort -u |
    while read -r asset; do
      curl -sf -m 120 -o /dev/null -b "$jar" "http://127.0.0.1:$port$asset"
    done
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=''
}

# Attachments into the database, no password anybody knows, and the mark that it is built.
settle() {
  local wanted
  read -r wanted
  export wanted
  run_odoo shell --no-http <<'PYTHON'
env['ir.config_parameter'].set_param('ir_attachment.location', 'db')
# force_storage() passes over attachments that are a field's value (images), so they are named here.
filed = env['ir.attachment'].search([('store_fname', '!=', False), '|', ('res_field', '=', False), ('res_field', '!=', False)])
for attachment in filed:
    attachment.write({'raw': attachment.raw, 'mimetype': attachment.mimetype})
env['ir.config_parameter'].search([('key', '=like', 'odoosaas.%')]).unlink()
env.cr.commit()
PYTHON
  if [ "$(sql <<<"select count(*) from ir_attachment where store_fname is not null")" != 0 ]; then
    fail "some attachments of the template are still in files."
  fi
  rm -rf "${ODOO_DATA:?}/filestore/${DATABASE:?}"
  sql <<'SQL'
\set wanted `printenv wanted`
update res_users set password = null where id = 2;
delete from ir_config_parameter where key in ('web.base.url', 'web.base.url.freeze');
insert into ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
  values ('odoosaas.template', :'wanted', 1, 1, now(), now());
-- Warns of every system table, which is not this role's.
set client_min_messages = error;
vacuum (full, analyze);
SQL
}

main() {
  install -d /run/lock
  local directory
  for directory in /opt/postgresql-client/bin $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do
    if [ -x "$directory/psql" ]; then
      export PATH="$directory:$PATH"
      break
    fi
  done
  case "${1:-}" in
    up) up ;;
    down) ;;
    *) fail "usage: up | down" ;;
  esac
}

main "$@"
