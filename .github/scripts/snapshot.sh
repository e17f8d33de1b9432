#!/usr/bin/env bash
# A snapshot of the database, complete before anything is migrated.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

database="$(parameter database)"
if [ -z "$database" ]; then
  echo "This environment has no database."
  exit 0
fi
snapshot="$database-before-${RELEASE:0:12}-$(date --utc +%Y%m%d%H%M%S)"
aws rds create-db-snapshot --db-instance-identifier "$database" --db-snapshot-identifier "$snapshot" \
  --tags "Key=Project,Value=shopease" "Key=Release,Value=$RELEASE" --query DBSnapshot.DBSnapshotArn --output text
aws rds wait db-snapshot-available --db-snapshot-identifier "$snapshot"
