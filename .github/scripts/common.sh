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

# Terraform variables of the new release: the image by digest, the zips by name. Each environment chooses its mirrored images.
image() {
  jq --null-input --compact-output --arg repository "${IMAGE_REPOSITORY#*/}" --arg account "${IMAGE_REPOSITORY%%.*}" --arg digest "${DIGEST:?}" \
    --arg release "${RELEASE:?}" --arg router "${ROUTER_DIGEST:-}" --arg psql "${PSQL_DIGEST:-}" \
    '{repository: $repository, registry_account: $account, digest: $digest, release: $release} +
     if $router == "" then {} else {router_digest: $router} end + if $psql == "" then {} else {psql_digest: $psql} end'
}

functions() {
  jq --null-input --compact-output --arg bucket "${ARTEFACTS_BUCKET:?}" --arg prefix "${ARTEFACTS_PREFIX:?}/${RELEASE:?}" --arg release "$RELEASE" \
    '{bucket: $bucket, prefix: $prefix, release: $release}'
}

# Prints a setting of the environment, as JSON.
setting() {
  terraform_in_stack console -var-file="envs/$ENVIRONMENT.tfvars" -var "image=$(image)" -var "functions=$(functions)" <<< "jsonencode($1)" | jq --raw-output .
}

# Alarms of the environment that are firing now.
firing_alarms() {
  aws cloudwatch describe-alarms --alarm-name-prefix "shopease-$ENVIRONMENT" --query "MetricAlarms[?StateValue=='ALARM'].AlarmName" --output text
}

# Waits for the lock of a deployment that still runs.
lock=-lock-timeout=10m

# Applies one part of the stack before the rest, with the settings of the new release.
apply_only() {
  terraform_in_stack apply -input=false -auto-approve "$lock" -target="$1" -var-file="envs/$ENVIRONMENT.tfvars" \
    -var "image=$(image)" -var "functions=$(functions)"
}
