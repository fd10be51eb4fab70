#!/usr/bin/env bash
# What a tenant's removal saves before it removes it: part of odoo-database.sh.

# Docs for who restores: docs/operations/backup.md.
BACKUPS=/var/backups/odoosaas
# In a finished backup as long as nothing of the tenant can have changed since: `up` removes it.
CURRENT=current

# Nothing is removed without a finished backup of both halves, database and filestore. A run that was cut off while it
# removed the filestore has one; another would lack what is gone already.
down() {
  local filestore="${ODOO_DATA:?}/filestore/${DATABASE:?}"
  shut_out
  rm -rf "$BACKUPS/$DATABASE"/*.part
  if ! is_backed_up; then
    if [ "$(database_exists)" = t ]; then
      back_up
    elif [ -e "$filestore" ]; then
      fail "the database $DATABASE does not exist on $POSTGRES_HOST:$POSTGRES_PORT, but its filestore $filestore does, and no finished backup holds both. Nothing was removed. See docs/operations/backup.md, \"Half a tenant\"."
    fi
  fi
  CUSTOM_DOMAINS='' publish_domains
  as_odoo rm -rf "$filestore"
}

# Tells which one it is.
is_backed_up() {
  local mark
  for mark in "$BACKUPS/$DATABASE"/*/"$CURRENT"; do
    if [ -e "$mark" ] && (cd "${mark%/*}" && sha256sum --quiet -c SHA256SUMS); then
      printf 'backup %s\n' "${mark%/*}"
      return
    fi
  done
  return 1
}

database_exists() {
  export DATABASE
  owner_sql postgres <<'SQL'
\set database `printenv DATABASE`
select exists (select from pg_database where datname = :'database');
SQL
}

# Odoo may put links to anything into its own directories; followed under its own name, they lead nowhere new.
as_odoo() {
  (cd / && runuser -u "$ODOO_USER" -- "$@")
}

# Dump, filestore and their checksums, read back before anything is removed.
back_up() {
  local directory
  directory=$BACKUPS/$DATABASE/$(date -u +%Y%m%dT%H%M%SZ)
  owner_sql postgres <<'SQL'
\set database `printenv DATABASE`
alter database :"database" allow_connections true;
SQL
  (
    umask 077
    mkdir -p "$directory.part"
    cd "$directory.part" || exit 1
    as_owner pg_dump --format=custom --no-owner --file=database.dump "$DATABASE"
    pg_restore --list database.dump >contents.txt
    if [ -d "$ODOO_DATA/filestore/$DATABASE" ]; then
      as_odoo tar -C "$ODOO_DATA/filestore/$DATABASE" -cz . >filestore.tar.gz
    else
      tar -czf filestore.tar.gz --files-from /dev/null
    fi
    tar -tzf filestore.tar.gz >/dev/null
    pg_restore --file=/dev/null database.dump
    sha256sum database.dump filestore.tar.gz contents.txt >SHA256SUMS
    : >"$CURRENT"
    sync -f .
    sha256sum --quiet -c SHA256SUMS
  )
  mv -T "$directory.part" "$directory"
  printf 'backup %s\n' "$directory"
}
