#!/usr/bin/env bash
# What the tests of this folder need beside a build, made once and kept in ~/.cache/evio-test: a minimal Debian with systemd
# and without Node (1 to 3 minutes), an emulator of arm64, and a critic of manual pages. Without root or Debian's apt it says so
# and ends well: the tests then say what they leave out.
set -euo pipefail
out=${XDG_CACHE_HOME:-$HOME/.cache}/evio-test
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "prepare: needs root and apt-get" >&2; exit 0; }
export DEBIAN_FRONTEND=noninteractive

tools=$out/binary-tools
if [ ! -e "$tools/usr/bin/mandoc" ]; then
  debs=$(mktemp -d)
  trap 'rm -rf "$debs"' EXIT
  (cd "$debs" && apt-get -qq download debootstrap mandoc qemu-user-static) ||
    { echo "prepare: Debian's packages cannot be had" >&2; exit 0; }
  rm -rf "$tools.new" && mkdir -p "$tools.new"
  for deb in "$debs"/*.deb; do dpkg-deb --extract "$deb" "$tools.new"; done
  rm -rf "$tools" && mv "$tools.new" "$tools"
fi

debian=$out/debian-12
if [ ! -e "$debian/lib/systemd/systemd" ]; then
  rm -rf "$debian.new"
  DEBOOTSTRAP_DIR=$tools/usr/share/debootstrap "$tools/usr/sbin/debootstrap" --variant=minbase \
    --include=systemd,systemd-sysv,iproute2,iputils-ping bookworm "$debian.new" >&2
  rm -rf "$debian" && mv "$debian.new" "$debian"
fi
