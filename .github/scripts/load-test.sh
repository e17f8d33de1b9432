#!/usr/bin/env bash
# load-test.sh PROGRAM: load test that a release must pass on perf; docs/development-to-production.md documents the limits.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

chmod +x "$1"
"$1" "$(parameter url)" --rate 100 --seconds 300 --p99-ms 500 --errors-percent 0.1
