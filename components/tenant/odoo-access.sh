#!/usr/bin/env bash
# Which sessions PgBouncer lets in, and which host names lead to a tenant's database: part of odoo-database.sh.

DOMAINS=/etc/odoosaas/domains

# The customer's own host names, for odoosaas_gate: one file for Odoo from the tenants' files.
publish_domains() {
  (
    flock -w 60 8 || fail "another tenant holds $DOMAINS for over a minute."
    install -d -m 0755 "$DOMAINS.d"
    local domain
    for domain in $CUSTOM_DOMAINS; do
      if grep -shE "^${domain//./\\.} " "$DOMAINS.d"/* | grep -qv " $DATABASE\$"; then
        fail "the domain $domain belongs to another tenant of this host. Remove it there first."
      fi
      printf '%s %s\n' "$domain" "$DATABASE"
    done >"$DOMAINS.new-$DATABASE"
    mv "$DOMAINS.new-$DATABASE" "$DOMAINS.d/$DATABASE"
    [ -s "$DOMAINS.d/$DATABASE" ] || rm -f "$DOMAINS.d/$DATABASE"
    find "$DOMAINS.d" -type f -print0 | sort -z | xargs -0 -r cat >"$DOMAINS.new"
    chmod 0644 "$DOMAINS.new"
    if cmp -s "$DOMAINS.new" "$DOMAINS"; then rm -f "$DOMAINS.new"; else mv "$DOMAINS.new" "$DOMAINS"; fi
  ) 8>"$LOCKS/domains"
}

let_in() {
  # The mark outlives this run: what was moved into place must reach PgBouncer, too.
  local line mapping=$MAPPINGS/$DATABASE.ini changed=$MAPPINGS/$DATABASE.changed
  line=$(printf '%s = host=%s port=%s dbname=%s user=%s password=%s' \
    "$DATABASE" "$POSTGRES_HOST" "$POSTGRES_PORT" "'$DATABASE'" "'$ROLE'" "'$ROLE_PASSWORD'")
  if [ ! -e "$changed" ] && [ -f "$mapping" ] && [ "$(cat "$mapping")" = "$line" ] && is_published; then
    return
  fi
  install -d -m 0750 "$MAPPINGS"
  (umask 077 && printf '%s\n' "$line" >"$mapping.new")
  if [ -f "$mapping" ]; then
    change_password
  fi
  : >"$changed"
  mv "$mapping.new" "$mapping"
  release
  rm -f "$changed"
}

# Earlier releases left no mark.
is_published() {
  grep -qxF -f "$MAPPINGS/$DATABASE.ini" "$PUBLISHED"
}

shut_out() {
  rm -f "$MAPPINGS/$DATABASE.ini" "$MAPPINGS/$DATABASE.ini.new" "$MAPPINGS/$DATABASE.changed"
  release
  # Odoo holds connections in its pool.
  export ROLE
  owner_sql postgres >/dev/null <<'SQL'
\set role `printenv ROLE`
select pg_terminate_backend(pid) from pg_stat_activity where usename = :'role';
SQL
}
