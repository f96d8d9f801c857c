#!/usr/bin/env bash
# npm run test:skew: this version and the one before (scripts/skew/build.mjs; EVIO_SKEW_BASE names another) with each other, in the lab.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash scripts/setup.sh
EVIO_SKEW_PROGRAM="$(node scripts/skew/build.mjs)" exec npx vitest run --project matrix test/matrix/skew.test.ts "$@"
