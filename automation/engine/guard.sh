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

child='' asked=''
pass_on() {
  asked=$1
  [ -z "$child" ] || kill -"$1" "$child" 2>/dev/null
}
trap 'pass_on INT' INT
trap 'pass_on TERM' TERM

"$@" </dev/null {feed}<&- &
child=$!
[ -z "$asked" ] || pass_on "$asked" # it came before there was anybody to ask

(
  exec >/dev/null 2>&1 </dev/null
  trap '' INT TERM
  while read -r -t "$limit" -u "$feed" _; do :; done
  kill -STOP "$$"     # it would end this watch as soon as the command has ended
  kill -KILL "$child" # first, and without starting a program: when all were frozen together, it is awake as well
  pkill -KILL -s "$$" || kill -KILL "$$"
) &
watch=$!
exec {feed}<&- >/dev/null 2>&1

wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do # a trap interrupted the wait
  wait "$child"
  code=$?
done
kill -KILL "$watch" 2>/dev/null
if [ "$code" -gt 128 ]; then # killed: it could not end what it had started
  pgrep -s "$$" | grep -vx "$$" | xargs -r kill -KILL 2>/dev/null
fi
exit "$code"
