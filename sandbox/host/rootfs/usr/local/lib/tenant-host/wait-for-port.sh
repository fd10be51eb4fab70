#!/bin/bash
# Returns when something listens on the port of 127.0.0.1; systemd's start timeout is the deadline.
set -euo pipefail
port=$1
until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  sleep 0.05
done
