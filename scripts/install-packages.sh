#!/bin/sh
# Installs what the tests use from Debian, if this is root on a machine that has apt. Elsewhere it does nothing: the
# tests that miss a program say which.
set -eu

wanted="gcc:gcc make:make runc:runc crun:crun conmon:conmon valgrind:valgrind tmux:tmux perl:perl-base
  /bin/busybox:busybox-static protoc:protobuf-compiler containerd:containerd dockerd:docker.io
  /usr/lib/cni/ptp:containernetworking-plugins zsh:zsh fish:fish chromium:chromium asciinema:asciinema mmdebstrap:mmdebstrap shellcheck:shellcheck clang-format:clang-format
  mkfs.ext4:e2fsprogs mkfs.erofs:erofs-utils mount.fuse3:fuse3 bindfs:bindfs squashfuse:squashfuse mksquashfs:squashfs-tools"

missing=""
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed, and this is not root with apt-get:$missing" >&2
  exit 0
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq -y --no-install-recommends install $missing >/dev/null
