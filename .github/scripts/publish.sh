#!/usr/bin/env bash
# publish.sh DIRECTORY: pushes DIRECTORY/image.tar to the repository and DIRECTORY/functions/*.zip to the bucket. A release that exists is not replaced.
set -euo pipefail

registry="${IMAGE_REPOSITORY%%/*}"
aws ecr get-login-password | skopeo login --username AWS --password-stdin "$registry"
skopeo copy --all --preserve-digests --digestfile digest "oci-archive:$1/image.tar" "docker://$IMAGE_REPOSITORY:${RELEASE:?}"
for zip in "$1"/functions/*.zip; do
  aws s3api put-object --bucket "${ARTEFACTS_BUCKET:?}" --key "${ARTEFACTS_PREFIX:?}/$RELEASE/$(basename "$zip")" --body "$zip" --if-none-match '*' > uploaded.json
done
echo "digest=$(cat digest)" >> "${GITHUB_OUTPUT:?}"
