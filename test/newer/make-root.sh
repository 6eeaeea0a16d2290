#!/usr/bin/env bash
# make-root.sh SUITE ROOT: a root directory with what the tests use from that suite of Debian, from the mirror that apt
# uses here. One that is there and has all of it stays as it is.
set -euo pipefail
suite=$1 root=$2
here=$(dirname "$0")

wanted="$suite $(tr '\n' ' ' <"$here/packages")"
[ "$(cat "$root.packages" 2>/dev/null)" != "$wanted" ] || exit 0

mirror=$("$here/can-run.sh")
echo "making $root from Debian $suite"
rm -rf "$root" "$root.packages" "$root.new"
mkdir -p "$(dirname "$root")"
trap 'rm -rf "$root.new" "$root.apt"' EXIT
# A mirror may stand still, and its suites then pass the day until which they are valid. Signatures are checked as ever.
apt-config dump | grep -E '^Acquire::(http|https|Retries)\b' >"$root.apt" || true
mmdebstrap --quiet --mode=root --variant=essential --include="$(paste -sd, "$here/packages")" \
  --aptopt="$(realpath "$root.apt")" --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$root.new" "$mirror"
mv "$root.new" "$root"
echo "$wanted" >"$root.packages"
