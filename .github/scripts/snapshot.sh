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
name="$database-before-${RELEASE:0:12}-$(date --utc +%Y%m%d%H%M%S)"
aws rds create-db-snapshot --db-instance-identifier "$database" --db-snapshot-identifier "$name" \
  --tags Key=Project,Value=shopease "Key=Environment,Value=$ENVIRONMENT" "Key=Release,Value=$RELEASE" > /dev/null
aws rds wait db-snapshot-available --db-snapshot-identifier "$name"
echo "Snapshot $name is complete."
