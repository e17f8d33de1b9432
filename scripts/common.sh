#!/usr/bin/env bash
# Sourced by the other scripts: what they check first, and how they report their steps.
set -euo pipefail
if [ "${BASH_VERSINFO[0]}" -lt 5 ]; then
  echo "These scripts need Bash 5, and this is $BASH_VERSION. On macOS: brew install bash." >&2
  exit 1
fi
# A command that fails inside $(...) ends the script, too.
shopt -s inherit_errexit

cd "$(dirname "${BASH_SOURCE[0]}")/.."
environments="dev perf staging canary prod"
project=shopease

# Everything that prevents a run; all of it is reported at once.
problems=()
problem() {
  problems+=("$1")
}

report_problems() {
  if [ "${#problems[@]}" -gt 0 ]; then
    printf 'Nothing was changed. First resolve:\n' >&2
    printf -- '- %s\n' "${problems[@]}" >&2
    exit 1
  fi
}

wrong_usage() {
  printf '%s\nSee %s --help.\n' "$1" "$0" >&2
  exit 2
}

# value OPTION [VALUE]: the value of an option.
value() {
  if [ -z "${2:-}" ]; then
    wrong_usage "$1 needs a value."
  fi
  printf '%s\n' "$2"
}

check_environment() {
  if [[ " $environments " != *" $ENVIRONMENT "* ]]; then
    wrong_usage "The environment must be one of $environments, not $ENVIRONMENT."
  fi
}

# at_least VERSION LEAST
at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# needs PROGRAM HINT
needs() {
  if ! command -v "$1" > /dev/null; then
    problem "$1 is not installed: $2"
    return 1
  fi
}

check_terraform_and_aws() {
  local version
  needs jq "https://jqlang.org" || true
  if needs terraform "version 1.11 or newer, https://developer.hashicorp.com/terraform/install"; then
    version="$(terraform version | sed -n 's/^Terraform v//p')"
    at_least "$version" 1.11 || problem "Terraform $version is too old: install 1.11 or newer."
  fi
  if needs aws "version 2, https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"; then
    version="$(aws --version)"
    [[ "$version" == aws-cli/2.* ]] || problem "The AWS CLI must be version 2, and is ${version%% *}."
  fi
}

# Sets the region and the account. Everything else that is checked needs both.
check_account() {
  local answer
  account=""
  AWS_REGION="${AWS_REGION:-$(aws configure get region || true)}"
  if [ -z "$AWS_REGION" ]; then
    problem "No region is set: use --region, or set AWS_REGION."
    return
  fi
  export AWS_REGION AWS_PAGER="" TF_VAR_region="$AWS_REGION" TF_IN_AUTOMATION=true
  if ! answer="$(aws sts get-caller-identity --query Account --output text 2>&1)"; then
    problem "The AWS CLI has no valid credentials (aws sts get-caller-identity: ${answer//$'\n'/ }). Sign in, for example with aws sso login, and set AWS_PROFILE."
    return
  fi
  account="$answer"
  STATE_BUCKET="$project-state-$account"
  export STATE_BUCKET
}

state_bucket_exists() {
  local found
  found="$(aws s3api list-buckets --query "Buckets[?Name=='$STATE_BUCKET'].Name" --output text)" || exit
  [ -n "$found" ]
}

terraform_in_bootstrap() {
  terraform -chdir=terraform/bootstrap "$@"
}

# Resources that a Terraform state has; 0 without one.
count_resources() {
  jq --slurp '[.[].resources[]? | select(.mode == "managed")] | length'
}

# The bootstrap's state is a file of this checkout, unless a backend was added.
bootstrap_resources() {
  if grep --quiet --no-messages '^ *backend "' terraform/bootstrap/*.tf; then
    terraform_in_bootstrap init -input=false > /dev/null
    terraform_in_bootstrap state pull | count_resources
  elif [ -e terraform/bootstrap/terraform.tfstate ]; then
    count_resources < terraform/bootstrap/terraform.tfstate
  else
    echo 0
  fi
}

# Steps, numbered, with their duration. A failed one ends the script, and its message contains what to do.
steps=0 number=0 current="" begun=0 advice=""

# step NAME ADVICE COMMAND...: the advice is what helps if the command fails.
step() {
  number=$((number + 1)) current="$1" advice="$2" begun=$SECONDS
  printf '\n[%d/%d] %s\n' "$number" "$steps" "$current"
  shift 2
  "$@"
  printf '[%d/%d] %s: done in %d s\n' "$number" "$steps" "$current" "$((SECONDS - begun))"
  current=""
}

report_failure() {
  if [ "$1" -ne 0 ] && [ -n "$current" ]; then
    printf '\n[%d/%d] %s: failed after %d s.\n%s\nThen run the same command again: it continues with this step.\n' \
      "$number" "$steps" "$current" "$((SECONDS - begun))" "$advice" >&2
  fi
}
trap 'report_failure $?' EXIT
