#!/usr/bin/env bash
# The main job: a runtime sends the console of a process, and `termshim copy` copies it between two FIFOs. Everything runs
# as this user on this host; the embedded pty runtime isolates nothing, which is all that a terminal needs.
set -euo pipefail

root=$(cd "$(dirname "$0")" && pwd)
PATH="$root/bin:$PATH"
work=$(mktemp -d)
export XDG_RUNTIME_DIR="$work/run"
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap 'termshim daemon --stop 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

say() { printf '\n# %s\n' "$*"; }
exec 4>&1
show() {
  printf '$ %s\n' "$*" >&4
  "$@"
}

say "1. One command: a process with a terminal, its size and its exit status"
status=0
echo "$ termshim run -t -- sh -c 'echo \"tty \$(tty), size \$(stty size)\"; exit 7'"
termshim run -t -- sh -c 'echo "tty $(tty), size $(stty size)"; exit 7' || status=$?
echo "exit status $status"

say "2. The same by hand: termshim copy listens, the runtime sends it the console, it copies between FIFOs"
mkdir bundle
cat >bundle/config.json <<'JSON'
{
  "ociVersion": "1.0.2",
  "process": {
    "terminal": true,
    "consoleSize": { "width": 100, "height": 30 },
    "args": ["sh", "-c", "echo \"tty $(tty), size $(stty size)\"; read -r line; echo \"you typed: $line\""],
    "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
    "cwd": "/"
  },
  "root": { "path": "/" }
}
JSON
show mkfifo in out
show termshim copy --console-socket console.sock --stdin in --stdout out --pid-file pid >report.json &
daemon=$!
until grep -q consoleSocket report.json; do sleep 0.02; done
cat out >screen &
reader=$!
show termshim-runtime-pty create --bundle bundle --console-socket console.sock demo
show termshim-runtime-pty start demo
until grep -q size screen; do sleep 0.02; done
exec 3>in
echo '$ echo hello >in'
echo hello >&3
wait "$reader" "$daemon"
exec 3>&-
show termshim-runtime-pty delete demo
say "what came out of the stdout FIFO"
cat screen
say "what termshim copy printed: its socket, then the bytes in each direction and why it ended"
cat report.json
