#!/bin/sh
# Makes a job of CI a member of a network, without root and without /dev/net/tun, and says where its proxy is.
#
#   EVIO_TOKEN   token, best one for many uses that ends soon: evio token create --uses 0 --expires 30d
#   EVIO         how evio is called; default: npx --yes evio
#   EVIO_NAME    name of the job's machine; default ci-JOB
#   EVIO_FLAGS   more flags of evio join, such as --forward 5432=db:5432
set -eu
: "${EVIO_TOKEN:?a token of the network is missing}"
EVIO=${EVIO:-npx --yes evio}
EVIO_HOME=${EVIO_HOME:-$(mktemp -d)}
export EVIO_HOME EVIO_TOKEN
# shellcheck disable=SC2086
$EVIO join --userspace --detach --wait 60s --name "${EVIO_NAME:-ci-$(date +%s)}" ${EVIO_FLAGS:-} >&2
printf 'EVIO_HOME=%s\nALL_PROXY=socks5h://127.0.0.1:1080\n' "$EVIO_HOME"
