#!/usr/bin/env bash
# How the password of a role changes without a failed login: part of odoo-database.sh, which calls it for a tenant's, and
# of ../host/host-role.sh, for the host's own.
#
# PostgreSQL knows one password of a role, and PgBouncer answers one refused login by refusing all new sessions for
# server_login_retry (15 s by default). So PgBouncer lets new sessions wait (pgbouncer.sh) while the role, by its own
# right, and the mapping are changed; sessions that stand go on. The engine's role resource follows and finds nothing to do.

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
  # Where the old one lets nobody in any more, nobody can be disturbed.
  if as_tenant "$old" >/dev/null <<<'select 1'; then hold; fi
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
