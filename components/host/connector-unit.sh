#!/usr/bin/env bash
# Reads or restarts the systemd service of one tenant's cloudflared: status, restart, logs, follow. A command of the
# platform's account: variables.sh stands before it, what comes by standard input is told in connector-unit.ts.
set -euo pipefail

export TZ=UTC

PROPERTIES=LoadState,ActiveState,SubState,UnitFileState,Result,ActiveEnterTimestamp,NRestarts,MainPID,Environment

# `systemctl show` lines, then Ready= with the body of the connector's /ready (empty when it does not answer).
status() {
  local shown port
  shown=$(systemctl show "$UNIT" --property="$PROPERTIES")
  printf '%s\n' "$shown"
  port=$(sed -nE 's/^Environment=(.* )?TUNNEL_METRICS=127\.0\.0\.1:([0-9]+)( .*)?$/\2/p' <<<"$shown")
  printf 'Ready=%s\n' "$(ready "$port")"
}

ready() {
  if [ -n "$1" ]; then curl --silent --max-time 3 "http://127.0.0.1:$1/ready" || true; fi
}

# Type=notify: systemctl returns once the first connection stands.
restart() {
  systemctl reset-failed "$UNIT" 2>/dev/null || true
  if ! timeout 60 systemctl restart "$UNIT"; then
    journalctl --unit="$UNIT" --lines=20 --no-pager --output=cat >&2 || true
    exit 75
  fi
  status
}

logs() {
  journalctl --unit="$UNIT" --lines="$LOG_LINES" --no-pager --quiet --output=json
}

# Ends when nobody reads it any more; a reader that stays connects again after four hours.
follow() {
  if [ -n "$CURSOR" ]; then
    exec timeout --foreground 4h journalctl --unit="$UNIT" --after-cursor="$CURSOR" --lines=all --follow --no-pager --quiet --output=json
  fi
  exec timeout --foreground 4h journalctl --unit="$UNIT" --lines="$LOG_LINES" --follow --no-pager --quiet --output=json
}

main() {
  case "${1:-}" in
    status | restart) take exactly SERVICE ;;
    logs) take exactly SERVICE LOG_LINES ;;
    follow) take exactly SERVICE LOG_LINES CURSOR ;;
    *) refuse 'usage: status | restart | logs | follow' ;;
  esac
  exec </dev/null
  UNIT=$SERVICE.service
  "$1"
}

main "$@"
