#!/usr/bin/env bash
# Read by the other scripts: names that the environment's stack wrote for us.
set -euo pipefail

prefix="/shopease/${ENVIRONMENT:?}/deployment"

# The value of a parameter; nothing when there is none.
parameter() {
  aws ssm get-parameters --names "$prefix/$1" --query 'Parameters[0].Value' --output text | sed 's/^None$//'
}

# The commands of Terraform in the stack, with what is deployed.
terraform_in_stack() {
  terraform -chdir=terraform/stack "$@"
}

initialise() {
  terraform_in_stack init -input=false -backend-config="envs/$ENVIRONMENT.s3.tfbackend" -backend-config="bucket=${STATE_BUCKET:?}"
}

# Variables of a release: the image by digest, the zips by name. The mirrored images are the environment's own choice.
image_of() {
  printf 'image={repository="shopease",digest="%s",release="%s",router_digest=%s,psql_digest=%s}' \
    "$1" "$2" "$(text_or_null "${ROUTER_DIGEST:-}")" "$(text_or_null "${PSQL_DIGEST:-}")"
}

text_or_null() {
  if [ -n "$1" ]; then printf '"%s"' "$1"; else printf null; fi
}

zips_of() {
  printf 'functions={bucket="%s",prefix="functions/%s"}' "${ARTEFACTS_BUCKET:?}" "$1"
}

# One part of the stack ahead of the rest, as the new release has it.
apply_only() {
  terraform_in_stack apply -input=false -auto-approve -target="$1" -var-file="envs/$ENVIRONMENT.tfvars" \
    -var "$(image_of "${DIGEST:?}" "${RELEASE:?}")" -var "$(zips_of "$RELEASE")"
}

# A command of the release's own binary, with the rights of whoever deploys.
shopease_command() {
  aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}"
  docker run --rm --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_SESSION_TOKEN --env AWS_REGION \
    "$IMAGE_REPOSITORY@$DIGEST" "$@"
}
