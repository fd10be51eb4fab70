#!/usr/bin/env bash
# Runs a tenant's cloudflared as a systemd service (up), or removes it with its token (down). Each verb may run again
# after a failure at any line. A command of the platform's account: variables.sh stands before it, what is fixed and what
# comes by standard input is told in connector.ts.
set -euo pipefail

fail() {
  printf 'connector: %s\n' "$1" >&2
  exit 1
}

UNITS=/etc/systemd/system
TOKEN_DIRECTORY=/etc/cloudflared

up() {
  [ -x "$CLOUDFLARED" ] || fail "$CLOUDFLARED is missing on this host. Install cloudflared, or set cloudflaredPath."
  id -u cloudflared >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin cloudflared
  install -d -m 0750 -g cloudflared "$TOKEN_DIRECTORY"
  # A mark that outlives this run: what was put in place must reach the running process, too.
  local known='' changed="$TOKEN_DIRECTORY/$TUNNEL.changed"
  if [ -f "$UNITS/$SERVICE.service" ]; then known=yes; fi
  (umask 077 && printf '%s\n' "$TOKEN" >"$TOKEN_DIRECTORY/$TUNNEL.token.new")
  chown cloudflared: "$TOKEN_DIRECTORY/$TUNNEL.token.new"
  put_in_place "$TOKEN_DIRECTORY/$TUNNEL.token"
  # Tenants of one host choose their metrics ports one after another.
  exec 9>"$LOCKS/connectors"
  flock -w 120 9 || fail "another tenant's connector is being written for over two minutes."
  unit >"$UNITS/$SERVICE.service.new"
  put_in_place "$UNITS/$SERVICE.service"
  exec 9>&-
  # By hand, because `systemctl enable` reloads all of systemd, and a unit it has never seen needs no reload.
  ln -sfn "$UNITS/$SERVICE.service" "$UNITS/multi-user.target.wants/$SERVICE.service"
  if [ -n "$known" ] && [ -e "$changed" ]; then
    systemctl daemon-reload
  fi
  systemctl reset-failed "$SERVICE" 2>/dev/null || true
  # Type=notify: returns when the first connection stands, or fails.
  if [ -e "$changed" ]; then
    if systemctl is-active --quiet "$SERVICE"; then stand_in; fi
    systemctl restart "$SERVICE" || explain
    rm -f "$changed"
  else
    systemctl start "$SERVICE" || explain
  fi
  dismiss_stand_in
}

# Moves FILE.new over FILE, and leaves the mark `changed` when they differ (`changed` is up's).
put_in_place() {
  if cmp -s "$1.new" "$1"; then
    rm -f "$1.new"
  else
    : >"$changed"
    mv "$1.new" "$1"
  fi
}

# A second connector of the same tunnel, which visitors are sent to while the first one restarts. When it cannot be
# started, the restart shows what is wrong.
stand_in() {
  dismiss_stand_in
  systemd-run --quiet --unit="$SERVICE-stand-in" --property=Type=notify --property=User=cloudflared \
    --property=TimeoutStartSec=30 --setenv=TUNNEL_METRICS=127.0.0.1:0 ${EDGE:+"--setenv=TUNNEL_EDGE=$EDGE"} \
    "$CLOUDFLARED" --no-autoupdate tunnel run --token-file "$TOKEN_DIRECTORY/$TUNNEL.token" || true
}

dismiss_stand_in() {
  if [ ! -e "/run/systemd/transient/$SERVICE-stand-in.service" ]; then return; fi
  systemctl stop "$SERVICE-stand-in" 2>/dev/null || true
  systemctl reset-failed "$SERVICE-stand-in" 2>/dev/null || true
}

# Metrics need a port of their own, and the same one over restarts.
metrics_port() {
  local port
  port=$(sed -nE 's/^Environment=TUNNEL_METRICS=127\.0\.0\.1:([0-9]+)$/\1/p' "$UNITS/$SERVICE.service" 2>/dev/null || true)
  if [ -z "$port" ]; then
    local taken
    taken=$(sed -nE 's/^Environment=TUNNEL_METRICS=127\.0\.0\.1:([0-9]+)$/\1/p' "$UNITS"/cloudflared-*-tunnel.service 2>/dev/null || true)
    for ((port = 21000; port < 30000; port++)); do
      grep -qx "$port" <<<"$taken" || break
    done
  fi
  printf '%s' "$port"
}

unit() {
  cat <<UNIT
[Unit]
Description=Cloudflare Tunnel $TUNNEL
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User=cloudflared
TimeoutStartSec=30
Environment=TUNNEL_METRICS=127.0.0.1:$(metrics_port)
${EDGE:+Environment=TUNNEL_EDGE=$EDGE
}ExecStart=$CLOUDFLARED --no-autoupdate tunnel run --token-file $TOKEN_DIRECTORY/$TUNNEL.token
Restart=on-failure
RestartSec=5s
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes

[Install]
WantedBy=multi-user.target
UNIT
}

explain() {
  journalctl -u "$SERVICE" -n 20 --no-pager -o cat >&2 || true
  fail "$SERVICE did not connect to Cloudflare within 30 s."
}

down() {
  # Stop waits for cloudflared to unregister its connections.
  if [ -f "$UNITS/$SERVICE.service" ] || systemctl is-active --quiet "$SERVICE"; then
    systemctl stop "$SERVICE"
  fi
  dismiss_stand_in
  rm -f "$UNITS/multi-user.target.wants/$SERVICE.service"
  rm -f "$UNITS/$SERVICE.service" "$TOKEN_DIRECTORY/$TUNNEL.token" "$UNITS/$SERVICE.service.new" "$TOKEN_DIRECTORY/$TUNNEL.token.new" "$TOKEN_DIRECTORY/$TUNNEL.changed"
  systemctl daemon-reload
  systemctl reset-failed "$SERVICE" 2>/dev/null || true
}

main() {
  case "${1:-}" in
    up) take exactly VERSION TUNNEL TOKEN ;;
    down) take some TUNNEL ;;
    *) fail "usage: up | down" ;;
  esac
  exec </dev/null
  SERVICE=cloudflared-$TUNNEL
  make_locks
  "$1"
}

main "$@"
