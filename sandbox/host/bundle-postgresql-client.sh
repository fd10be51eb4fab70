#!/bin/bash
# Makes PostgreSQL's client programs of this machine run on any Linux of the same architecture: each with the libraries
# and the dynamic loader that it was built for.
#
# usage: bundle-postgresql-client.sh <bin> <bundle> <prefix>
#   <bin>     directory that holds pg_dump, pg_restore and psql
#   <bundle>  directory to fill
#   <prefix>  where the bundle will be found: the wrappers need absolute paths
set -euo pipefail

bin=$1 bundle=$2 prefix=$3
mkdir -p "$bundle/bin" "$bundle/lib" "$bundle/libexec"
for program in pg_dump pg_restore psql; do
  cp --dereference "$bin/$program" "$bundle/libexec/$program"
  # "libpq.so.5 => /lib/.../libpq.so.5 (0x...)" and, for the loader, "/lib64/ld-linux-x86-64.so.2 (0x...)"
  libraries=$(ldd "$bin/$program")
  if grep -q 'not found' <<<"$libraries"; then
    echo "$bin/$program lacks libraries: $libraries" >&2
    exit 1
  fi
  awk '$2 == "=>" { print $3 } $1 ~ "^/" { print $1 }' <<<"$libraries" | while read -r library; do
    cp --dereference "$library" "$bundle/lib/"
  done
  loader=$(awk '$1 ~ "^/" { print $1 }' <<<"$libraries")
  cat >"$bundle/bin/$program" <<END
#!/bin/sh
exec $prefix/lib/$(basename "$loader") --library-path $prefix/lib $prefix/libexec/$program "\$@"
END
  chmod 755 "$bundle/bin/$program"
done
