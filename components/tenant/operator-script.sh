#!/usr/bin/env bash
# Runs the operator's own script, which the platform's stack installed, with the tenant as JSON on its standard input (up).
# A command of the platform's account: variables.sh stands before it, what is fixed and what comes by standard input is
# told in operator-script.ts.
set -euo pipefail

# The patterns leave no control characters.
text() {
  local escaped=${1//\\/\\\\}
  printf '"%s"' "${escaped//\"/\\\"}"
}

# What is empty is left out.
member() {
  if [ -n "$2" ]; then printf ',"%s":%s' "$1" "$(text "$2")"; fi
}

tenant() {
  printf '{"subdomain":%s,"database":%s,"url":%s' "$(text "$SUBDOMAIN")" "$(text "$SUBDOMAIN")" "$(text "$BASE_URL")"
  member plan "$PLAN"
  printf ',"container_id":%d,"local_port":%d' "$HOST_ID" "$((10#$ODOO_PORT))"
  member admin_email "$ADMIN_LOGIN"
  member company_name "$COMPANY_NAME"
  member language "$LANGUAGE"
  member country "$COUNTRY"
  printf '}\n'
}

main() {
  case "${1:-}" in
    up) take exactly VERSION SUBDOMAIN PLAN BASE_URL ODOO_PORT ADMIN_LOGIN COMPANY_NAME LANGUAGE COUNTRY ;;
    down) exit 0 ;;
    *) refuse 'usage: up | down' ;;
  esac
  "$SCRIPT" <<<"$(tenant)"
}

main "$@"
