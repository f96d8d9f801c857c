#!/usr/bin/env bash
# npm run matrix [-- RUNS [NODES]]: every kind of site against every kind, RUNS times (default once) with NODES of each (default two).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
MATRIX_RUNS="${1:-${MATRIX_RUNS:-1}}" MATRIX_NODES="${2:-${MATRIX_NODES:-2}}" \
  exec npx vitest run --project matrix test/matrix/matrix.test.ts
