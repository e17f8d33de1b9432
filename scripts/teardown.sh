#!/usr/bin/env bash
# Destroys an environment, and then the bootstrap if no other environment uses it. docs/teardown.md describes what takes long and what is left.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<END
Usage: scripts/teardown.sh [options]

Lists what exists, asks for the name of the environment, destroys the environment, then the account's state bucket, releases, repositories, and roles if
no other environment uses them, and lists what is left. Run it again after a failure: it continues where it stopped.

  --environment NAME    the environment (default: dev)
  --region NAME         AWS region (default: AWS_REGION, or that of your profile)
  --keep-bootstrap      destroy only the environment
  --dry-run             only list what exists, destroy nothing
  --help                print this
END
}

ENVIRONMENT=dev keep_bootstrap=false lists_only=false
while [ $# -gt 0 ]; do
  case "$1" in
    --environment) ENVIRONMENT="$(value "$@")" && shift ;;
    --region) AWS_REGION="$(value "$@")" && shift ;;
    --keep-bootstrap) keep_bootstrap=true ;;
    --dry-run) lists_only=true ;;
    --help) usage && exit ;;
    *) wrong_usage "Unknown argument: $1" ;;
  esac
  shift
done
check_environment
check_terraform_and_aws
report_problems
check_account
report_problems

export ENVIRONMENT
# shellcheck source=.github/scripts/common.sh
. .github/scripts/common.sh
names="$project-$ENVIRONMENT"
# Destroying needs a value of every variable, and uses none of these.
export TF_VAR_domain='{"name":"destroyed.invalid"}' TF_VAR_functions='{"bucket":"destroyed","prefix":"destroyed"}' TF_VAR_log_destination=cloudwatch
TF_VAR_image="$(jq --null-input '{digest: ("sha256:" + "0" * 64)}')"
export TF_VAR_image TF_VAR_repository=destroyed/destroyed

################################################################################
# What exists, and what Terraform knows of it
################################################################################

# list KIND ACTION ARGUMENTS: a line for every name that the AWS CLI prints: kind, name, and how to remove it (@ is the name).
list() {
  local kind="$1" action="$2" found name
  shift 2
  found="$(aws "$@" --output text)"
  for name in $found; do
    printf '%s\t%s\t%s\n' "$kind" "$name" "${action//@/$name}"
  done
}

# The keys of the environment; those that wait for their deletion, too.
list_keys() {
  local found key
  found="$(aws resourcegroupstaggingapi get-resources --tag-filters "Key=Project,Values=$project" "Key=Environment,Values=$ENVIRONMENT" \
    --resource-type-filters kms:key --query 'ResourceTagMappingList[].ResourceARN' --output text)"
  for key in $found; do
    aws kms describe-key --key-id "$key" --output json | jq --raw-output '.KeyMetadata | "KMS key\t\(.Arn)\t" + (
      if .KeyState == "PendingDeletion" then "is deleted on \(.DeletionDate), and costs nothing until then"
      else "aws kms schedule-key-deletion --key-id \(.KeyId)" end)'
  done
}

# Everything that can outlive Terraform's destroy.
remaining() {
  list bucket "empty it in the console, then aws s3 rb s3://@" s3api list-buckets --query "Buckets[?starts_with(Name, '$names-')].Name"
  list "log group" "aws logs delete-log-group --log-group-name @" logs describe-log-groups --query "logGroups[?contains(logGroupName, '$names')].logGroupName"
  list parameter "aws ssm delete-parameter --name @" ssm get-parameters-by-path --path "/$project/$ENVIRONMENT" --recursive --query 'Parameters[].Name'
  list snapshot "aws rds delete-db-snapshot --db-snapshot-identifier @" rds describe-db-snapshots --snapshot-type manual \
    --query "DBSnapshots[?starts_with(DBInstanceIdentifier, '$names')].DBSnapshotIdentifier"
  list_keys
}

# What remains although Terraform destroys its own: names and ARNs in the state are removed from the list.
beyond_terraform() {
  local known
  known="$(jq --compact-output '[.. | objects | .values? | objects | .id, .arn, .name, .bucket | strings]' <<< "$state")"
  remaining | jq --raw-input --raw-output --argjson known "$known" 'select((split("\t")[1]) as $name | any($known[]; . == $name) | not)'
}

print_remaining() {
  if [ -z "$1" ]; then
    echo "Nothing."
  else
    while IFS=$'\t' read -r kind name action; do
      printf -- '- %s %s: %s\n' "$kind" "$name" "$action"
    done <<< "$1"
  fi
}

# Environments whose state has resources, besides this one.
other_environments() {
  local other key keys
  keys="$(aws s3api list-objects-v2 --bucket "$STATE_BUCKET" --query 'Contents[].Key' --output json)"
  for other in $environments; do
    key="$other/stack.tfstate"
    if [ "$other" != "$ENVIRONMENT" ] && jq --exit-status --arg key "$key" 'any(.[]?; . == $key)' <<< "$keys" > /dev/null &&
      [ "$(aws s3 cp --only-show-errors "s3://$STATE_BUCKET/$key" - | count_resources)" != 0 ]; then
      echo "$other"
    fi
  done
}

state='{}' in_environment=0 others=""
if state_bucket_exists; then
  initialize > /dev/null
  in_environment="$(terraform_in_stack state pull | count_resources)"
  if [ "$in_environment" != 0 ]; then
    state="$(terraform_in_stack show -json)"
  fi
  others="$(other_environments | tr '\n' ' ')"
fi
if jq --exit-status '[.. | objects | .values? | objects | .enable_deletion_protection, .deletion_protection_enabled, .deletion_protection] | any' <<< "$state" > /dev/null; then
  problem "$ENVIRONMENT is protected: set protected = false in terraform/stack/envs/$ENVIRONMENT.tfvars, and apply it first."
fi

in_bootstrap="$(bootstrap_resources)" bootstrap="" destroys_bootstrap=false
if [ "$in_bootstrap" = 0 ]; then
  if state_bucket_exists; then
    bootstrap="stays: terraform/bootstrap has no state here, so destroy it from the checkout that created it"
  fi
elif [ "$keep_bootstrap" = true ]; then
  bootstrap="stays: --keep-bootstrap"
elif [ -n "$others" ]; then
  bootstrap="stays: these environments use it: $others"
elif [ "$(terraform_in_bootstrap state pull | jq '[.resources[] | select(.type == "aws_s3_bucket") | .instances[].attributes.force_destroy] | all')" != true ]; then
  bootstrap="stays: it was not created to be removed; apply it with disposable = true first"
else
  bootstrap="is destroyed, with all images and releases"
  destroys_bootstrap=true
fi
report_problems

printf 'Account %s, region %s:\n- environment %s: %s resources are destroyed, with all their data\n' "$account" "$AWS_REGION" "$ENVIRONMENT" "$in_environment"
if [ -n "$bootstrap" ]; then
  printf -- '- bootstrap, %s resources: %s\n' "$in_bootstrap" "$bootstrap"
fi
found="$(beyond_terraform)"
printf 'Terraform does not remove:\n'
print_remaining "$found"
if [ "$in_environment" != 0 ]; then
  echo "- the KMS key of $ENVIRONMENT: it is disabled at once, and deleted after a waiting period in which it can be restored"
fi
if [ "$lists_only" = true ]; then
  echo "Nothing was destroyed."
  exit
fi
if [ "$in_environment" = 0 ] && [ "$destroys_bootstrap" = false ]; then
  echo "There is nothing to destroy."
  exit
fi
read -r -p "This cannot be undone. Type the name of the environment to destroy it: " answer || true
if [ "${answer:-}" != "$ENVIRONMENT" ]; then
  echo "Nothing was destroyed."
  exit 1
fi

################################################################################
# Steps
################################################################################

destroy_environment() {
  if [ "$in_environment" = 0 ]; then
    echo "It is destroyed already."
    return
  fi
  terraform_in_stack destroy -input=false -auto-approve "$lock" -var-file="envs/$ENVIRONMENT.tfvars"
}

destroy_bootstrap() {
  if [ "$destroys_bootstrap" = true ]; then
    terraform_in_bootstrap init -input=false > /dev/null
    terraform_in_bootstrap destroy -input=false -auto-approve "$lock"
  else
    echo "It $bootstrap."
  fi
}

steps=2
step "Environment $ENVIRONMENT, up to 45 minutes with functions in the VPC" "Correct what Terraform reports above: docs/teardown.md lists what makes it stop." destroy_environment
step "Bootstrap" "Correct what Terraform reports above." destroy_bootstrap
state='{}'
found="$(remaining)"
printf '\nLeft in the account:\n'
print_remaining "$found"
