#!/usr/bin/env bash
# Runs test files under valgrind's memcheck, two at a time, and fails if an error has a frame of the addon in its stack.
# Node itself is not clean under valgrind, so its own errors do not count. Nor do failed tests: valgrind before 3.21 knows
# no pidfd. A file that takes longer than six minutes is killed: no test ran.
set -eu

if ! command -v valgrind >/dev/null; then
  echo "valgrind is not installed: the addon is not checked with it" >&2
  [ "${STRICT:-}" != 1 ]
  exit
fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

check() {
  local file=$1 name passed
  name=$(basename "$1")
  local log=$logs/$name.log
  passed=$(timeout --foreground --signal KILL 6m valgrind --quiet --log-file="$log" --leak-check=full \
    --show-leak-kinds=definite --num-callers=30 node --jitless --single-threaded "$file" | grep -E '^# pass [1-9]') || passed='no test ran'
  echo "$name: $passed"
  # Errors are paragraphs, each line headed by the pid; an empty one ends them. A build with -g names the source file.
  if awk -v RS='==[0-9]+== *\n' '/termshim\.node|(addon|epoll|fd|log|mount|process|pump|ring|socket|tty)\.c:[0-9]/ {print; found = 1} END {exit !found}' "$log"; then
    echo "valgrind found errors in the addon" >&2
    return 1
  fi
  [ "$passed" != 'no test ran' ]
}
export -f check
export logs
# In reverse, because teardown takes longest.
printf '%s\n' "$@" | sort -r | xargs -P 2 -I{} bash -c 'check {}'
echo "valgrind: no error in the addon"
