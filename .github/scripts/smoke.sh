#!/usr/bin/env bash
# The shop answers as a shopper would see it: health, a page with products, the API; both paths where both serve.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

url="$(parameter url)"
get() {
  curl --fail --silent --show-error --retry 10 --retry-all-errors --retry-delay 6 --max-time 30 "$url$1"
}
get /healthz | grep --quiet ok
get /readyz | grep --quiet ready
for _ in $(seq 20); do
  get /products | grep --quiet 'href="/products/'
  get '/api/v1/products?limit=1' | jq --exit-status '.items | length == 1' > /dev/null
done
echo "$url serves."
