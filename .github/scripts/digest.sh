#!/usr/bin/env bash
# Prints the digest of a release's image. Only builds of main can push to this repository, so the release was one.
set -euo pipefail

aws ecr describe-images --registry-id "${IMAGE_REPOSITORY%%.*}" --repository-name "${IMAGE_REPOSITORY#*/}" --image-ids "imageTag=${RELEASE:?}" \
  --query 'imageDetails[0].imageDigest' --output text
