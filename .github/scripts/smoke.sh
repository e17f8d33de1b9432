#!/usr/bin/env bash
# The shop answers as a shopper would see it: health, a page with products, the API; both paths where both serve.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

url="$(parameter url)"
: "${url:?There is no parameter $prefix/url: was the stack applied?}"
get() {
  curl --fail --silent --show-error --retry 10 --retry-all-errors --retry-delay 6 --max-time 30 "$url$1"
}
# The whole answer first: a pipe that closes early is an error to curl.
has() {
  local answer
  answer="$(get "$1")"
  if ! grep --quiet "$2" <<< "$answer"; then
    echo "$url$1 answers without $2." >&2
    exit 1
  fi
}
has /healthz ok
has /readyz ready
for _ in $(seq 20); do
  has /products 'href="/products/'
  has '/api/v1/products?limit=1' '"items":\[{'
done
echo "$url serves."
