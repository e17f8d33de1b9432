#!/usr/bin/env bash
# Load test that a release must pass on perf; docs/development-to-production.md documents the limits.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

cargo run --quiet --profile measure --package shopease-tests --features shopease-payments/stripe --example load -- "$(parameter url)" \
  --rate 100 --seconds 300 --p99-ms 500 --errors-percent 0.1
