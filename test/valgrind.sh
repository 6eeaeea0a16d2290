#!/usr/bin/env bash
# Runs test files under valgrind's memcheck, and fails if an error has a frame of the addon in its stack. Node itself is
# not clean under valgrind, so its own errors do not count. Nor do failed tests: valgrind before 3.21 knows no pidfd.
set -eu

if ! command -v valgrind >/dev/null; then
  echo "valgrind is not installed: the addon is not checked with it" >&2
  [ "${STRICT:-}" != 1 ]
  exit
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for file in "$@"; do
  printf '%s: ' "$(basename "$file")"
  valgrind --quiet --log-file="$log" --leak-check=full --show-leak-kinds=definite --num-callers=30 \
    node --jitless --single-threaded "$file" | grep -E '^# pass [1-9]' || { echo "no test ran"; exit 1; }
  # Errors are paragraphs, each line headed by the pid; an empty one ends them. A build with -g names the source file.
  if awk -v RS='==[0-9]+== *\n' '/termshim\.node|(addon|epoll|fd|mount|process|pump|ring|socket|tty)\.c:[0-9]/ {print; found = 1} END {exit !found}' "$log"; then
    echo "valgrind found errors in the addon" >&2
    exit 1
  fi
done
echo "valgrind: no error in the addon"
