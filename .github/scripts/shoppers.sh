#!/usr/bin/env bash
# shoppers.sh PROGRAM: synthetic shoppers use the environment for SHOPPERS_MINUTES, and order with Stripe's test card. Fails if their requests fail, or if an
# alarm fires.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

chmod +x "$1"
"$1" "$(parameter url)" --rate 2 --seconds "$((60 * SHOPPERS_MINUTES))" --p99-ms 5000 --errors-percent 0.5 --order-with pm_card_visa
firing="$(firing_alarms)"
if [ -n "$firing" ]; then
  echo "Alarms fired while synthetic shoppers used the release: $firing" >&2
  exit 1
fi
