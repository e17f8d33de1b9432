#!/usr/bin/env bash
# Puts the release's styles, scripts and pictures into the bucket before a task or a function of it asks for them. The running release
# sees the new files for as long as both serve: styles may add and not take away, as migrations do.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

initialise
apply_only module.assets
account="$(aws sts get-caller-identity --query Account --output text)"
shopease_command assets upload "s3://shopease-$ENVIRONMENT-assets-$account/assets"
