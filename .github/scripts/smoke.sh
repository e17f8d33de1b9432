#!/usr/bin/env bash
# Smoke test: health, pages, and the API; both paths if both serve. A new shop has no products yet: with CATALOG=demo or CATALOG=own it must have some.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

url="$(parameter url)"
: "${url:?Parameter $prefix/url does not exist. Apply the stack first.}"
get() {
  curl --fail --silent --show-error --retry 10 --retry-all-errors --retry-delay 6 --max-time 30 "$url$1"
}
# Read the whole response first: curl fails if its pipe closes early.
has() {
  local answer
  answer="$(get "$1")"
  if ! grep --quiet "$2" <<< "$answer"; then
    echo "The response of $url$1 does not contain $2." >&2
    exit 1
  fi
}
product='' item=''
if [ -n "${CATALOG:-}" ]; then
  product='href="/products/' item='{'
fi
has /healthz ok
has /readyz ready
for _ in $(seq 20); do
  has /products "$product"
  has '/api/v1/products?limit=1' "\"items\":\\[$item"
done
echo "Smoke test of $url passed."
