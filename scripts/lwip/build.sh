#!/usr/bin/env bash
# Builds lwIP for src/core/userspace: bash scripts/lwip/build.sh [FOLDER OF LWIP'S SOURCES]
# Needs clang and lld 14 (Debian 12: apt-get install clang-14 lld-14). The same sources and tools give the same bytes.
set -euo pipefail
cd "$(dirname "$0")"
tag=STABLE-2_2_1_RELEASE
commit=77dcd25a72509eb83f72b033d219b1d40cd8eb95
sources=${1:-}
if [ -z "$sources" ]; then
  sources=$(mktemp -d)
  trap 'rm -rf "$sources"' EXIT
  git clone --quiet --depth 1 --branch "$tag" https://github.com/lwip-tcpip/lwip "$sources"
  [ "$(git -C "$sources" rev-parse HEAD)" = "$commit" ] || { echo "lwIP $tag is not $commit"; exit 1; }
fi
out=$(mktemp)
clang-14 --target=wasm32 -O3 -nostdlib -ffreestanding -fno-builtin-malloc -mbulk-memory -std=c11 \
  -Wall -Wno-unused-variable -Wno-tautological-constant-out-of-range-compare \
  -Iinclude -I"$sources/src/include" \
  "$sources"/src/core/*.c "$sources"/src/core/ipv4/*.c "$sources"/src/core/ipv6/*.c "$sources/src/netif/ethernet.c" glue.c \
  -Wl,--no-entry,--strip-all,-z,stack-size=131072 -fuse-ld=/usr/bin/wasm-ld-14 -o "$out"
node write-image.mjs "$out" ../../src/core/userspace/lwip-image.ts "$tag"
rm -f "$out"
