#!/usr/bin/env bash
# Runs a command that must not outlive the process that started it, nor go on while that process is frozen: the starter
# feeds a line to standard input now and then; when none comes for LIMIT seconds, or the pipe closes, the command and
# all that it started is killed at once. So a lease that has run out proves that nothing works for it any more.
# To be started in a session of its own (setsid). Usage: guard.sh LIMIT COMMAND [ARGUMENT...]
set -uo pipefail
limit=$1
shift
exec {feed}<&0
set -m # else the command would begin with SIGINT ignored

"$@" </dev/null {feed}<&- &
child=$!

(
  exec >/dev/null 2>&1 </dev/null
  trap '' INT TERM
  while read -r -t "$limit" -u "$feed" _; do :; done
  pkill -KILL -s "$$" || kill -KILL "$child"
) &
watch=$!
exec {feed}<&- >/dev/null 2>&1

trap 'kill -INT "$child" 2>/dev/null' INT
trap 'kill -TERM "$child" 2>/dev/null' TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do # a trap interrupted the wait
  wait "$child"
  code=$?
done
kill -KILL "$watch" 2>/dev/null
exit "$code"
