#!/usr/bin/env bash
# Sourced by the other scripts. Reads the names that the environment's stack stored in Parameter Store.
set -euo pipefail

prefix="/shopease/${ENVIRONMENT:?}/deployment"

# Prints the value of a parameter, or nothing if it does not exist.
parameter() {
  aws ssm get-parameters --names "$prefix/$1" --query 'Parameters[0].Value' --output text | sed 's/^None$//'
}

# Runs Terraform in the stack.
terraform_in_stack() {
  terraform -chdir=terraform/stack "$@"
}

initialize() {
  terraform_in_stack init -input=false -backend-config="envs/$ENVIRONMENT.s3.tfbackend" -backend-config="bucket=${STATE_BUCKET:?}"
}

# Terraform variables of a release: the image by digest, the zips by name. Each environment chooses its mirrored images.
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

# Applies one part of the stack before the rest, with the settings of the new release.
apply_only() {
  terraform_in_stack apply -input=false -auto-approve -target="$1" -var-file="envs/$ENVIRONMENT.tfvars" \
    -var "$(image_of "${DIGEST:?}" "${RELEASE:?}")" -var "$(zips_of "$RELEASE")"
}

# Runs a command of the release's own binary with the deployer's permissions.
shopease_command() {
  aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}"
  docker run --rm --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_SESSION_TOKEN --env AWS_REGION \
    "$IMAGE_REPOSITORY@$DIGEST" "$@"
}
