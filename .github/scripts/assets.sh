#!/usr/bin/env bash
# Uploads the release's styles, scripts, and images to the bucket before its tasks and functions need them. The running release
# uses the new files while both serve, so styles may only add, like migrations.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

initialize
apply_only module.assets
bucket="shopease-$ENVIRONMENT-assets-$(aws sts get-caller-identity --query Account --output text)"

# The release's own program uploads them, with credentials that allow nothing else.
policy="$(jq --null-input --compact-output --arg bucket "arn:aws:s3:::$bucket" '{Version: "2012-10-17", Statement: [
  {Effect: "Allow", Action: "s3:ListBucket", Resource: $bucket},
  {Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject"], Resource: ($bucket + "/assets/*")}]}')"
token="$(curl --fail --silent --show-error --header "Authorization: bearer ${ACTIONS_ID_TOKEN_REQUEST_TOKEN:?}" \
  "${ACTIONS_ID_TOKEN_REQUEST_URL:?}&audience=sts.amazonaws.com" | jq --raw-output .value)"
session="$(aws sts assume-role-with-web-identity --role-arn "${DEPLOY_ROLE_ARN:?}" --role-session-name "assets-${RELEASE:0:12}" --web-identity-token "$token" \
  --policy "$policy" --duration-seconds 900)"
credential() {
  jq --raw-output ".Credentials.$1" <<< "$session"
}

aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}"
AWS_ACCESS_KEY_ID="$(credential AccessKeyId)" AWS_SECRET_ACCESS_KEY="$(credential SecretAccessKey)" AWS_SESSION_TOKEN="$(credential SessionToken)" \
  docker run --rm --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_SESSION_TOKEN --env AWS_REGION \
  "$IMAGE_REPOSITORY@$DIGEST" assets upload "s3://$bucket/assets"
