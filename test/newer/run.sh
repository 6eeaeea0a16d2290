#!/usr/bin/env bash
# run.sh ROOT COMMAND...: runs a command, in this repository, in a root directory that make-root.sh made: on this kernel,
# but with its own mounts, processes, network and control groups. What the command writes, mounts or leaves running
# is gone when it ends, and also when this script is killed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$1")
shift

# One control group in each hierarchy, which becomes the root of what the command sees.
name=termshim-newer-$$
groups=()
while IFS=: read -r id controllers _; do
  directory=/sys/fs/cgroup/${controllers#name=}
  [ "$id" != 0 ] || directory=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
  [ -d "$directory" ] && groups+=("$directory/$name")
done </proc/self/cgroup

inside=
finish() {
  trap '' INT TERM HUP
  if [ -n "$inside" ]; then
    kill -KILL "$inside" 2>/dev/null || true
    wait "$inside" 2>/dev/null || true
  fi
  # The last process of a group may take a moment to be gone.
  local group
  for group in "${groups[@]}"; do
    for _ in {1..50}; do
      [ -d "$group" ] || break
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done
    [ ! -d "$group" ] || echo "left behind: $group" >&2
  done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Those of a run that was killed before it could do this.
for group in "${groups[@]%/*}"; do
  for left in "$group"/termshim-newer-*; do
    [ ! -d "$left" ] || [ -d "/proc/${left##*-}" ] || find "$left" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
done

mkdir -- "${groups[@]}"
# In the background, since a shell does not heed its traps while it waits for a command in the foreground.
(
  for group in "${groups[@]}"; do
    # The second version has one set of controllers for all, and gives a group those that its parent passes on; cpuset of the
    # first begins without any processor.
    for controller in $(cat "${group%/*}/cgroup.controllers" 2>/dev/null); do
      echo "+$controller" >"${group%/*}/cgroup.subtree_control" || true
    done 2>/dev/null
    for file in cpuset.cpus cpuset.mems; do
      [ ! -f "$group/$file" ] || [ -n "$(cat "$group/$file")" ] || cat "${group%/*}/$file" >"$group/$file"
    done
    echo "$BASHPID" >"$group/cgroup.procs"
  done
  exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --cgroup --net --ipc \
    "$here/enter.sh" "$root" "$@"
) &
inside=$!
status=0
wait "$inside" || status=$?
inside=
exit "$status"
