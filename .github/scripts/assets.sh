#!/usr/bin/env bash
# Uploads the release's styles, scripts, and images to the bucket before its tasks and functions need them. The running release
# uses the new files while both serve, so styles may only add, like migrations.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

initialize
apply_only module.assets
account="$(aws sts get-caller-identity --query Account --output text)"
shopease_command assets upload "s3://shopease-$ENVIRONMENT-assets-$account/assets"
