#!/usr/bin/env bash
# can-run.sh: prints the mirror of Debian that apt uses here, or says why there can be no tests among newer programs.
set -euo pipefail

obstacle() {
  echo "not run: the tests among newer programs need $1" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || obstacle root
command -v mmdebstrap >/dev/null || obstacle 'mmdebstrap (apt-get install mmdebstrap)'
unshare --mount --pid --fork --cgroup --net --ipc true 2>/dev/null || obstacle 'namespaces of their own'
# Of the archives that apt knows, the one that has all suites; those of updates and of other people have other names.
apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | awk '/\/debian\/?$/ && !found++; END { exit !found }' \
  || obstacle "a mirror of Debian in apt's sources"
