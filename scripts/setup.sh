#!/usr/bin/env bash
# Makes this checkout ready for `npm test`, `npm run demo` and `npm run bench`: the machine's tools, the Node
# packages of package-lock.json, and a build in dist/. Does only what is missing, and can be run at any time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- Node ---------------------------------------------------------------------------------------------------
command -v node >/dev/null || die "Node.js >= 20.19 is needed: https://nodejs.org, or your distribution's package"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  die "Node.js $(node --version) is too old: 20.19 or newer is needed"

# --- Tools of the network lab (tests, demo and bench; evio itself needs none of them) -----------------------
# program -> Debian package
tools=(
  ip:iproute2 tc:iproute2 nft:nftables ping:iputils-ping conntrack:conntrack ethtool:ethtool iperf3:iperf3
  turnserver:coturn turnutils_stunclient:coturn sshd:openssh-server ssh:openssh-client ps:procps zsh:zsh fish:fish miniupnpd:miniupnpd tinyproxy:tinyproxy
  faketime:faketime keepalived:keepalived dnsmasq:dnsmasq-base busybox:busybox wg:wireguard-tools wireguard-go:wireguard-go
  prometheus:prometheus promtool:prometheus chromium:chromium tshark:tshark
)
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
missing=()
for tool in "${tools[@]}"; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # Tools are wanted, not daemons: Debian asks this script before it starts any.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  say "installing: $*"
  apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
  apt-get install -y -qq --no-install-recommends "$@" >&2
}

if [ "$(uname -s)" = Linux ] && [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    if ! install_packages "${missing[@]}"; then
      # One package that cannot be had must not cost the others.
      for package in "${missing[@]}"; do apt-get install -y -qq --no-install-recommends "$package" >&2 || true; done
    fi
    for tool in "${tools[@]}"; do
      command -v "${tool%%:*}" >/dev/null || say "still missing: ${tool%%:*} (package ${tool##*:})"
    done
  else
    say "the network lab lacks some tools; to have them: sudo apt-get install ${missing[*]}"
  fi
fi

# --- Node packages ------------------------------------------------------------------------------------------
# npm leaves node_modules/.package-lock.json; it is compared by content, since a checkout's dates say nothing.
in_step() {
  node -e '
    const { readFileSync } = require("node:fs");
    const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
    const want = read("package-lock.json"), have = read("node_modules/.package-lock.json");
    for (const [path, entry] of Object.entries(want)) {
      if (path === "" || entry.link) continue;
      const found = have[path];
      if (found ? found.version !== entry.version : !(entry.optional || entry.devOptional || entry.peer)) process.exit(1);
    }' 2>/dev/null
}
if ! in_step; then
  [ ! -L node_modules ] || die "node_modules is a link and does not match package-lock.json: run npm ci where it points"
  say "installing Node packages"
  # Nothing here needs an install script: koffi brings its binary in a package of its own.
  npm ci --ignore-scripts --no-audit --no-fund >&2
fi

# --- Build --------------------------------------------------------------------------------------------------
stamp=dist/.built
if [ ! -e "$stamp" ] || [ -n "$(find src tsconfig.json tsconfig.build.json package.json -newer "$stamp" -print -quit)" ]; then
  say "building"
  started=$(mktemp)
  npm run --silent build >&2
  # Dated at the start: a file saved during the build is newer.
  touch -r "$started" "$stamp"
  rm -f "$started"
fi
