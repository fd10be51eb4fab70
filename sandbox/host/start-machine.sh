#!/bin/bash
# Moves into cgroups of its own and becomes systemd-nspawn.
#
# usage: start-machine.sh [<cgroup.procs file>...] -- <systemd-nspawn argument>...
set -euo pipefail

while [[ "$1" != -- ]]; do
  echo $$ >"$1"
  shift
done
shift
umask 022
exec systemd-nspawn "$@"
