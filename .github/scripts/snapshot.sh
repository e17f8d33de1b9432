#!/usr/bin/env bash
# Takes a database snapshot and waits until it is complete, before the migration.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

database="$(parameter database)"
if [ -z "$database" ]; then
  echo "This environment has no database."
  exit 0
fi
shopease_command snapshot "$database" --name "$database-before-${RELEASE:0:12}-$(date --utc +%Y%m%d%H%M%S)" \
  --tag Project=shopease --tag "Release=$RELEASE"
