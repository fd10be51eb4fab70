#!/usr/bin/env bash
# Runs the operator's own script with the tenant as JSON on its standard input (up). Variables: see operator-script.ts.
set -euo pipefail

up() {
  local directory
  directory=$(mktemp -d)
  # The name as it is now, not when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$directory'" EXIT
  (umask 077 && printf '%s' "$SCRIPT" >"$directory/create-tenant")
  chmod 0700 "$directory/create-tenant"
  local told=$TENANT
  # Only what the operator's script is told, not how it came here.
  unset SCRIPT TENANT
  printf '%s\n' "$told" | "$directory/create-tenant"
}

main() {
  case "${1:-}" in
    up) up ;;
    down) ;;
    *) printf 'usage: up | down\n' >&2 && exit 1 ;;
  esac
}

main "$@" </dev/null
