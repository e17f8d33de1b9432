#!/usr/bin/env bash
# The load that perf must stand before a release goes on; the limits are those of docs/development-to-production.md.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

cargo run --quiet --profile measure --package shopease-tests --features shopease-payments/stripe --example load -- "$(parameter url)" \
  --rate 100 --seconds 300 --p99-ms 500 --errors-percent 0.1
