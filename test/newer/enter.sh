#!/usr/bin/env bash
# enter.sh ROOT COMMAND...: what run.sh executes as the first process of its namespaces: it mounts what the command sees,
# and makes it the root. It stays, since orphans come to it and a shell reaps them.
set -euo pipefail
root=$1
shift
repository=$(cd "$(dirname "$0")/../.." && pwd)
node=$(node -p process.execPath)

# The root as it was made, and above it what this run writes, in memory.
new=/mnt
mount -t tmpfs none "$new"
mkdir "$new"/{upper,work,root}
mount -t overlay -o "lowerdir=$root,upperdir=$new/upper,workdir=$new/work" none "$new/root"
new=$new/root

# overlay cannot lie above overlay, which is what a snapshotter does below /tmp.
mount -t tmpfs -o mode=1777 none "$new/tmp"
mount -t tmpfs -o mode=755 none "$new/run"
mount -t proc none "$new/proc"
mount -t sysfs none "$new/sys"
mount --bind /dev "$new/dev"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 none "$new/dev/pts"
mount -t tmpfs -o mode=1777 none "$new/dev/shm"

# The hierarchies where this machine has them.
while read -r type place options; do
  case $type in
    tmpfs) mount -t tmpfs -o mode=755 none "$new$place" ;;
    cgroup) mkdir -p "$new$place" && mount -t cgroup -o "$options" none "$new$place" ;;
    cgroup2) mkdir -p "$new$place" && mount -t cgroup2 none "$new$place" ;;
  esac
done < <(awk '$2 ~ "^/sys/fs/cgroup" { sub(/^(rw|ro)(,nosuid|,nodev|,noexec|,relatime)*,?/, "", $4); print $3, $2, $4 }' /proc/self/mounts)
# In the second version a group that has processes passes no controller on to the groups below it.
if [ -f "$new/sys/fs/cgroup/cgroup.controllers" ]; then
  mkdir "$new/sys/fs/cgroup/init"
  echo $$ >"$new/sys/fs/cgroup/init/cgroup.procs"
  sed 's/^/+/; s/ / +/g' "$new/sys/fs/cgroup/cgroup.controllers" >"$new/sys/fs/cgroup/cgroup.subtree_control"
fi

# Both where they are outside, since what is built has their paths in it.
mkdir -p "$new$repository" "$(dirname "$new$node")"
mount --bind "$repository" "$new$repository"
mount -o remount,bind,ro "$new$repository"
[ -e "$new$node" ] || touch "$new$node"
mount --bind "$node" "$new$node"

cd "$new"
pivot_root . mnt
exec chroot . /bin/sh -c '
  umount -l /mnt
  busybox ip link set lo up
  # Docker warns of a network that forwards nothing.
  echo 1 >/proc/sys/net/ipv4/ip_forward
  cd "$0"
  "$@" &
  wait $!
' "$repository" env -i PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$(dirname "$node")" HOME=/root \
  TERM="${TERM:-dumb}" LANG=C.UTF-8 STRICT="${STRICT:-}" "$@"
