#!/usr/bin/env bash
# Makes a tenant's database an Odoo of its own and lets Odoo's sessions in (up), or takes a verified backup and shuts
# them out (down). Each verb may run again after a failure at any line. A command of the platform's account: variables.sh
# stands before it, what is fixed and what comes by standard input is told in odoo-database.ts.
set -euo pipefail

# PostgreSQL's tools must be at least as new as the server; a host may carry several.
find_tools() {
  local directory
  for directory in /opt/postgresql-client/bin $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do
    if [ -x "$directory/psql" ]; then
      PATH="$directory:$PATH"
      break
    fi
  done
  export PATH
  local tool
  for tool in psql pg_dump pg_restore flock curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing on this host. Install postgresql-client, util-linux and curl."
  done
}

fail() {
  printf 'odoo-database: %s\n' "$1" >&2
  exit 1
}

config_value() {
  sed -nE "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*\$/\\1/p" "$ODOO_CONFIG" | tail -n 1
}

# psql as the host's Odoo role: it owns the tenants' databases and is a member of their roles.
owner_sql() {
  as_owner psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1"
}

as_owner() {
  PGPASSWORD=$(owner_password) PGUSER=$(config_value db_user) PGHOST=$POSTGRES_HOST PGPORT=$POSTGRES_PORT \
    PGSSLMODE=$POSTGRES_SSLMODE PGAPPNAME=odoosaas PGCONNECT_TIMEOUT=15 PGOPTIONS='-c client_min_messages=warning' "$@"
}

# --- up ---------------------------------------------------------------------------------------------------------------

up() {
  # From here on the tenant may have more than its backups.
  rm -f "$BACKUPS/$DATABASE"/*/"$CURRENT"
  if [ -n "$SUSPENDED" ]; then
    shut_out
    return
  fi
  local missing
  missing=$(take_over)
  if [ -n "$missing" ]; then
    install_missing "$missing"
  fi
  give_identity
  publish_domains
  let_in
  warm_up
}

# Gives the tenant's role its database and all that the template brought, and prints what Odoo itself must still install
# ("modules=a,b language=fr_FR", or nothing). Granting is the owner's work: see database.ts.
take_over() {
  export DATABASE ROLE MARK TEMPLATE_ROLE MODULES LANGUAGE
  owner_sql "$DATABASE" <<'SQL'
\set database `printenv DATABASE`
\set role `printenv ROLE`
\set mark `printenv MARK`
\set template_role `printenv TEMPLATE_ROLE`
\set modules `printenv MODULES`
\set language `printenv LANGUAGE`
select pg_get_userbyid(datdba) = current_user and coalesce(shobj_description(oid, 'pg_database'), :'mark') = :'mark' as ours
  from pg_database where datname = :'database' \gset
\if :ours
\else
  do $$ begin raise 'this database is not this tenant''s: it has another owner or another mark'; end $$;
\endif
revoke all on database :"database" from public;
grant connect, create, temporary on database :"database" to :"role";
grant create, usage on schema public to :"role";
comment on database :"database" is :'mark';
select exists (select from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = :'template_role') as cloned,
  to_regclass('public.ir_module_module') is not null as has_odoo \gset
\if :cloned
  reassign owned by :"template_role" to :"role";
\endif
\if :has_odoo
  -- A first installation that was cut off left modules waiting: any that Odoo is told to install takes them along.
  with wanted as (
      select unnest(string_to_array(:'modules', ',')) as name
      union select name from ir_module_module where state = 'to install'
        and not exists (select from ir_config_parameter where key = 'odoosaas.initialised')
    ),
    modules as (
      select string_agg(name, ',') as missing from wanted
      where not exists (select from ir_module_module m where m.name = wanted.name and m.state = 'installed')
    ),
    language as (
      select :'language' as missing
      where :'language' <> '' and not exists (select from res_lang where code = :'language' and active)
    )
  select concat_ws(' ', 'modules=' || (select missing from modules), 'language=' || (select missing from language));
\else
  select concat_ws(' ', 'modules=' || concat_ws(',', 'base', nullif(:'modules', '')), 'language=' || nullif(:'language', ''));
\endif
SQL
}

install_missing() {
  local word options=()
  for word in $1; do
    case $word in
      modules=*) options+=(-i "${word#modules=}") ;;
      language=*) options+=("--load-language=${word#language=}") ;;
    esac
  done
  run_odoo --without-demo=all --stop-after-init --no-http "${options[@]}" </dev/null
}

# Odoo's own command line on the tenant's database, as the tenant's role: a subcommand or none, then options. The
# password is in a file only Odoo reads.
run_odoo() {
  local subcommand=()
  if [[ $1 != -* ]]; then
    subcommand=("$1")
    shift
  fi
  local config=/run/odoosaas/$DATABASE.conf
  install -d -m 0711 /run/odoosaas
  install -m 0600 -o "$ODOO_USER" /dev/null "$config"
  {
    grep -vE '^[[:space:]]*(db_host|db_port|db_user|db_password|db_sslmode|db_name|dbfilter|logfile|workers)[[:space:]]*=' "$ODOO_CONFIG"
    printf 'db_host = %s\ndb_port = %s\ndb_user = %s\ndb_password = %s\ndb_sslmode = %s\nworkers = 0\n' \
      "$POSTGRES_HOST" "$POSTGRES_PORT" "$ROLE" "$ROLE_PASSWORD" "$POSTGRES_SSLMODE"
  } >"$config"
  local log=/run/odoosaas/$DATABASE.log status=0
  runuser -u "$ODOO_USER" -- odoo "${subcommand[@]}" -c "$config" -d "$DATABASE" "$@" >"$log" 2>&1 || status=$?
  rm -f "$config"
  if [ "$status" -ne 0 ] || grep -q ' CRITICAL ' "$log"; then
    tail -n 30 "$log" >&2
    fail "Odoo could not prepare the database (exit $status)."
  fi
  rm -f "$log"
}

# Once in a database's life: what makes it this tenant's. Afterwards only what the platform decides is kept up, never
# what the customer may have changed (password, language, company).
give_identity() {
  export ADMIN_LOGIN ADMIN_PASSWORD_HASH BASE_URL COMPANY_NAME LANGUAGE COUNTRY
  if [ "$ODOO_IDENTITY" = shell ] && [ "$(is_initialised)" != t ]; then
    identity_script | run_odoo shell --no-http
  fi
  owner_sql "$DATABASE" <<'SQL'
\set login `printenv ADMIN_LOGIN`
\set hash `printenv ADMIN_PASSWORD_HASH`
\set base_url `printenv BASE_URL`
\set company `printenv COMPANY_NAME`
\set language `printenv LANGUAGE`
\set country `printenv COUNTRY`
begin;
select exists (select from ir_config_parameter where key = 'odoosaas.initialised') as initialised,
  (select value from ir_config_parameter where key = 'web.base.url') is distinct from :'base_url' as moved \gset
create temporary table parameter (key text, value text) on commit drop;
\if :initialised
\else
  update res_users set login = :'login', password = :'hash' where id = 2;
  update res_partner set email = :'login' where id = (select partner_id from res_users where id = 2);
  update res_company set name = :'company', email = :'login' where id = 1 and :'company' <> '';
  update res_partner set name = :'company', email = :'login'
    where id = (select partner_id from res_company where id = 1) and :'company' <> '';
  update res_partner set lang = :'language' where :'language' <> '' and lang is not null;
  update ir_default set json_value = to_json(:'language'::text)::text where :'language' <> ''
    and field_id = (select id from ir_model_fields where model = 'res.partner' and name = 'lang');
  update res_partner set country_id = c.id from res_country c
    where c.code = :'country' and res_partner.id = (select partner_id from res_company where id = 1);
  update res_currency set active = true from res_country c where c.code = :'country' and res_currency.id = c.currency_id;
  update res_company set currency_id = c.currency_id from res_country c
    where c.code = :'country' and c.currency_id is not null and res_company.id = 1;
  insert into parameter values ('database.uuid', gen_random_uuid()::text), ('database.secret', gen_random_uuid()::text),
    ('database.create_date', to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS')), ('odoosaas.initialised', '1');
  -- The template's attachments are inside it; a tenant's go to its filestore. Push keys are made anew when missing.
  delete from ir_config_parameter where key = 'ir_attachment.location' or key like 'mail.web\_push\_vapid%';
  -- A registry that Odoo still holds for an earlier database of this name must not be taken for this one's.
  select setval('base_registry_signaling', (extract(epoch from now()) * 1000)::bigint) as registry \gset
\endif
-- An administrator's login would rewrite the base URL from the request; frozen, it stays the public one.
insert into parameter values ('web.base.url', :'base_url'), ('web.base.url.freeze', 'True');
insert into ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
  select key, value, 1, 1, now(), now() from parameter
  on conflict (key) do update set value = excluded.value, write_date = now() where ir_config_parameter.value <> excluded.value;
\if :initialised
  \if :moved
    select setval('base_registry_signaling', (extract(epoch from now()) * 1000)::bigint) as registry \gset
  \endif
\endif
commit;
SQL
}

is_initialised() {
  owner_sql "$DATABASE" <<<"select exists (select from ir_config_parameter where key = 'odoosaas.initialised')"
}

# The same identity by Odoo's own code, for releases on which the SQL is not proven.
identity_script() {
  cat <<'PYTHON'
import os
value = os.environ.get
admin = env['res.users'].browse(2)
admin.write({'login': value('ADMIN_LOGIN'), 'email': value('ADMIN_LOGIN')})
if value('LANGUAGE'):
    env['res.users'].with_context(active_test=False).search([]).mapped('partner_id').write({'lang': value('LANGUAGE')})
    env['ir.default'].set('res.partner', 'lang', value('LANGUAGE'))
if value('COMPANY_NAME'):
    env['res.company'].browse(1).write({'name': value('COMPANY_NAME'), 'email': value('ADMIN_LOGIN')})
country = env['res.country'].search([('code', '=', value('COUNTRY'))], limit=1)
if country:
    country.currency_id.active = True
    env['res.company'].browse(1).write({'country_id': country.id, 'currency_id': country.currency_id.id})
env['ir.config_parameter'].init(force=True)
env.cr.commit()
PYTHON
}

# Loads the registry before the first visitor waits for it, and proves that Odoo serves this database.
warm_up() {
  local deadline=$((SECONDS + 60)) status=none
  while [ "$SECONDS" -lt "$deadline" ]; do
    status=$(curl -s -o /dev/null -m 30 -w '%{http_code}' -H "Host: $DATABASE.invalid" "http://127.0.0.1:$ODOO_PORT/web/login" || true)
    [ "$status" = 200 ] && return
    sleep 0.05
  done
  fail "Odoo answers $status for this database on port $ODOO_PORT. See: journalctl -u $ODOO_SERVICE"
}

main() {
  case "${1:-}" in
    up)
      take exactly VERSION SUBDOMAIN ROLE_PASSWORD SUSPENDED MODULES ADMIN_LOGIN ADMIN_PASSWORD_HASH BASE_URL \
        CUSTOM_DOMAINS COMPANY_NAME LANGUAGE COUNTRY ODOO_PORT
      ;;
    down) take some SUBDOMAIN ;;
    *) fail "usage: up | down" ;;
  esac
  exec </dev/null
  export DATABASE=$SUBDOMAIN ROLE=$ROLE_PREFIX$SUBDOMAIN MARK=$MARK_PREFIX$SUBDOMAIN
  find_tools
  make_locks
  exec 9>"$LOCKS/tenant-$DATABASE"
  flock -w 900 9 || fail "another run works on $DATABASE for over 15 minutes."
  "$1"
}

main "$@"
