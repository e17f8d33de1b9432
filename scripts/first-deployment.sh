#!/usr/bin/env bash
# Deploys the first environment of an account in one command. docs/first-deployment.md describes what it does.
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<END
Usage: scripts/first-deployment.sh --domain NAME --zone ID --operator EMAIL [options]

Creates the state bucket and the repositories of an account, builds the image and the functions, and deploys one environment with both paths on
DynamoDB. It checks everything that it can before it creates anything. Run it again after a failure: it continues where it stopped.

  --domain NAME         name of the shop, for example dev.example.com
  --zone ID             ID of the Route 53 hosted zone that contains the name
  --operator EMAIL      the operator who signs in to /admin; the password is read from standard input
  --environment NAME    dev, perf, staging, or canary (default: dev); prod is deployed by the pipeline
  --region NAME         AWS region (default: AWS_REGION, or that of your profile)
  --repository NAME     GitHub repository whose pipeline may deploy later, as owner/name (default: that of the remote origin)
  --release NAME        name of the release (default: the commit)
  --yes                 do not ask for confirmation
  --dry-run             only check, create nothing
  --help                print this
END
}

ENVIRONMENT=dev domain="" zone="" operator="" repository="" RELEASE="" confirmed=false checks_only=false
while [ $# -gt 0 ]; do
  case "$1" in
    --domain) domain="$(value "$@")" && shift ;;
    --zone) zone="$(value "$@")" && shift ;;
    --operator) operator="$(value "$@")" && shift ;;
    --environment) ENVIRONMENT="$(value "$@")" && shift ;;
    --region) AWS_REGION="$(value "$@")" && shift ;;
    --repository) repository="$(value "$@")" && shift ;;
    --release) RELEASE="$(value "$@")" && shift ;;
    --yes) confirmed=true ;;
    --dry-run) checks_only=true ;;
    --help) usage && exit ;;
    *) wrong_usage "Unknown argument: $1" ;;
  esac
  shift
done
check_environment
if [ "$ENVIRONMENT" = prod ]; then
  wrong_usage "prod needs PostgreSQL, payments, and the pipeline: docs/development-to-production.md."
fi
if [[ "$domain" != ?*.?* || -z "$zone" || "$operator" != ?*@?* ]]; then
  wrong_usage "--domain, --zone, and --operator are required: a domain name, the ID of its hosted zone, and an email address."
fi
if [ -n "$RELEASE" ] && [[ ! "$RELEASE" =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$ ]]; then
  wrong_usage "The release is the tag of an image: letters, digits, and . _ -, at most 100."
fi
zone="${zone#/hostedzone/}"

################################################################################
# Checks: nothing is created here
################################################################################

check_programs() {
  check_terraform_and_aws
  needs curl "https://curl.se" || true
  needs zip "from your system's packages" || true
  if needs docker "https://docs.docker.com/engine/install"; then
    docker buildx version > /dev/null 2>&1 || problem "Docker has no buildx: https://docs.docker.com/build/install-buildx"
    docker info > /dev/null 2>&1 || problem "Docker does not run: start it, or allow your user to use it."
  fi
  if needs cargo "https://rustup.rs"; then
    cargo lambda --version > /dev/null 2>&1 || problem "cargo-lambda is not installed: https://www.cargo-lambda.info"
  fi
}

# The release is named by its commit, so it must contain what is built.
check_release() {
  if [ -n "$RELEASE" ]; then
    return
  elif ! RELEASE="$(git rev-parse --short=12 HEAD 2> /dev/null)"; then
    problem "This directory is not a git repository: name the release with --release."
  elif [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    problem "Changes are not committed, so the commit does not name what is built: commit them, or name the release with --release."
  fi
}

check_repository() {
  if [ -z "$repository" ]; then
    repository="$(git remote get-url origin 2> /dev/null | sed -nE 's#^.*github\.com[:/]([^/]+/[^/]+)$#\1#p' | sed 's/\.git$//')" || true
  fi
  if [[ ! "$repository" =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]]; then
    problem "The GitHub repository is not known: use --repository owner/name."
  fi
}

check_zone() {
  local answer name
  if ! answer="$(aws route53 get-hosted-zone --id "$zone" --output json 2>&1)"; then
    problem "Hosted zone $zone cannot be read (${answer//$'\n'/ }): aws route53 list-hosted-zones lists yours."
    return
  fi
  name="$(jq --raw-output '.HostedZone.Name | rtrimstr(".")' <<< "$answer")"
  if [ "$(jq .HostedZone.Config.PrivateZone <<< "$answer")" = true ]; then
    problem "Hosted zone $zone ($name) is private: the certificate can be validated only in a public one."
  fi
  if [ "$domain" != "$name" ] && [[ "$domain" != *".$name" ]]; then
    problem "$domain does not belong to hosted zone $zone, which is $name."
  fi
}

# An account has one OIDC provider for GitHub. If others created it, the bootstrap uses it; its own has the project's tag.
check_identity_provider() {
  local arn tags
  arn="$(aws iam list-open-id-connect-providers --output text \
    --query "OpenIDConnectProviderList[?ends_with(Arn, '/token.actions.githubusercontent.com')].Arn")"
  identity_provider="create the OIDC provider for GitHub"
  if [ -n "$arn" ]; then
    tags="$(aws iam list-open-id-connect-provider-tags --open-id-connect-provider-arn "$arn" --query "Tags[?Key=='Project'].Value" --output text)"
    if [ "$tags" = "$project" ]; then
      identity_provider="keep the OIDC provider for GitHub"
    else
      identity_provider="use the account's OIDC provider for GitHub"
      export TF_VAR_oidc_provider_arn="$arn"
    fi
  fi
}

check_bootstrap() {
  if [ "$(bootstrap_resources)" = 0 ] && state_bucket_exists; then
    problem "Bucket $STATE_BUCKET exists, but terraform/bootstrap has no state here: use the checkout that created it, or copy its terraform/bootstrap/terraform.tfstate."
  fi
}

# settings EXPRESSION: a value of the environment's variables and their defaults, as JSON. Without a provider, so nothing is downloaded. The console reads one line.
settings() {
  local directory
  directory="$(mktemp -d)"
  cp terraform/stack/variables.tf "$directory"
  terraform -chdir="$directory" console -var-file="$PWD/terraform/stack/envs/$ENVIRONMENT.tfvars" \
    -var "image={digest=\"sha256:$(printf '0%.0s' {1..64})\"}" <<< "jsonencode(${1//$'\n'/ })" | jq --raw-output .
  rm -r "$directory"
}

# limit SERVICE CODE: the quota's value in this account and region. Not being allowed to read it does not prevent a deployment.
limit() {
  aws service-quotas get-service-quota --service-code "$1" --quota-code "$2" --query Quota.Value --output text ||
    echo "Quota $2 of $1 is not checked." >&2
}

# quota SERVICE CODE NAME NEEDED
quota() {
  local limit
  limit="$(limit "$1" "$2")"
  if [ -n "$limit" ] && jq --exit-status --null-input "$4 > $limit" > /dev/null; then
    problem "The quota \"$3\" is ${limit%.0}, and $4 are needed: aws service-quotas request-service-quota-increase --service-code $1 --quota-code $2 --desired-value NUMBER"
  fi
}

# of_others EC2_COMMAND LIST: how many exist in the region that do not belong to this environment.
of_others() {
  local all own
  all="$(aws ec2 "$1" --query "length($2)" --output text)"
  own="$(aws ec2 "$1" --filters "Name=tag:Project,Values=$project" "Name=tag:Environment,Values=$ENVIRONMENT" --query "length($2)" --output text)"
  echo "$((all - own))"
}

check_quotas() {
  local needed processors executions
  needed="$(settings '{
    addresses  = var.egress.nat_gateways,
    spot       = var.environment.spot,
    processors = sum([for service in [var.environment.frontend, var.environment.backend] :
      service.cpu * (var.environment.autoscaling ? service.max : service.desired) / 1024])
  }')"
  quota vpc L-F678F1CE "VPCs per Region" "$(($(of_others describe-vpcs Vpcs) + 1))"
  quota ec2 L-0263D0A3 "EC2-VPC Elastic IPs" "$(($(of_others describe-addresses Addresses) + $(jq .addresses <<< "$needed")))"
  # The service of test payments always runs on demand.
  processors="$(jq 'if .spot then 0.25 else .processors + 0.25 end' <<< "$needed")"
  quota fargate L-3032A538 "Fargate On-Demand vCPU resource count" "$processors"
  if [ "$(jq .spot <<< "$needed")" = true ]; then
    quota fargate L-36FBB829 "Fargate Spot vCPU resource count" "$(jq .processors <<< "$needed")"
  fi
  # Lambda keeps 100 executions for functions that reserve none, so a new account with 10 can reserve none at all.
  executions="$(limit lambda L-B99A9384)"
  if [ -n "$executions" ] && [ "${executions%.*}" -le 100 ]; then
    export TF_VAR_account_concurrency="${executions%.*}"
  fi
}

# What it costs without a request: the sentence of the document for dev, and the row of docs/teardown.md for the others, which is with PostgreSQL.
cost() {
  if [ "$ENVIRONMENT" = dev ]; then
    sed -n "/costs summary.: first-deployment/,/End of what/{/^<!--/d;/^$/d;p}" docs/first-deployment.md
  else
    awk -F ' *[|] *' -v name="$ENVIRONMENT" '
      /USD a day/ { for (i = 3; i < NF; i++) if ($i == name) column = i }
      /without a request, a day/ { gsub(/[*]/, "", $column); print "It costs less than " $column " USD a day without a request, at the prices of eu-west-1." }
    ' docs/teardown.md
  fi
}

check_programs
check_release
check_repository
if command -v aws > /dev/null && command -v jq > /dev/null && command -v terraform > /dev/null; then
  check_account
  if [ -n "$account" ]; then
    check_zone
    check_identity_provider
    check_bootstrap
    check_quotas
  fi
fi
report_problems

cat <<END
Account $account, region $AWS_REGION, environment $ENVIRONMENT, release $RELEASE:
- once per account: bucket $STATE_BUCKET, a bucket of releases, four image repositories; $identity_provider; roles for the pipeline of $repository
- the image and the functions, built from this directory
- https://$domain in hosted zone $zone: VPC, load balancer, certificate, tasks on Fargate, functions, DynamoDB table, alarms
- the demo catalog, and the operator $operator
$(cost) scripts/teardown.sh --environment $ENVIRONMENT removes it.
END
if [ -n "${TF_VAR_account_concurrency:-}" ]; then
  echo "This account may run $TF_VAR_account_concurrency functions at the same time, so none of them is reserved."
fi
if [ "$checks_only" = true ]; then
  echo "All checks passed. Nothing was created."
  exit
fi
if [ "$confirmed" = false ]; then
  read -r -p "Create this? Only yes continues: " answer || true
  if [ "${answer:-}" != yes ]; then
    echo "Nothing was created."
    exit 1
  fi
fi
password=""
if [ -t 0 ]; then
  read -r -s -p "Password of $operator: " password && echo
else
  read -r password || true
fi
if [ -z "$password" ]; then
  echo "The operator's password is missing: type it, or write it to standard input. Nothing was created." >&2
  exit 1
fi

################################################################################
# Steps: each finds out what is there already
################################################################################

export ENVIRONMENT RELEASE ARTEFACTS_PREFIX=functions CATALOG=demo
export TF_VAR_repository="$repository" TF_VAR_disposable=true TF_VAR_payment_provider=fake TF_VAR_log_destination=cloudwatch
export TF_VAR_store='{"fargate":"dynamodb","lambda":"dynamodb"}'
TF_VAR_domain="$(jq --null-input --compact-output --arg name "$domain" --arg zone "$zone" '{name: $name, zone_id: $zone}')"
export TF_VAR_domain

bootstrap() {
  local others='{}'
  terraform_in_bootstrap init -input=false
  if [ "$(bootstrap_resources)" != 0 ]; then
    others="$(terraform_in_bootstrap output -json deploy_roles)"
  fi
  # Environments that the account has already keep their roles.
  TF_VAR_environments="$(jq --compact-output --arg name "$ENVIRONMENT" 'keys + [$name] | unique' <<< "$others")"
  export TF_VAR_environments
  terraform_in_bootstrap apply -input=false -auto-approve -lock-timeout=10m
  ARTEFACTS_BUCKET="$(terraform_in_bootstrap output -raw artefact_bucket)"
  IMAGE_REPOSITORY="$(terraform_in_bootstrap output -json repositories | jq --raw-output --arg name "/$project" '.[] | select(endswith($name))')"
  TF_VAR_permissions_boundary_arn="$(terraform_in_bootstrap output -json permissions_boundaries | jq --raw-output ".$ENVIRONMENT")"
  export ARTEFACTS_BUCKET IMAGE_REPOSITORY TF_VAR_permissions_boundary_arn
}

image_of_release() {
  local tags
  tags="$(aws ecr list-images --repository-name "${IMAGE_REPOSITORY#*/}" --query "imageIds[?imageTag=='$RELEASE'].imageTag" --output text)"
  if [ -n "$tags" ]; then
    echo "The repository has the image already."
  else
    aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}"
    docker buildx build --platform linux/arm64 --file ecs-adapter/Dockerfile --tag "$IMAGE_REPOSITORY:$RELEASE" --push .
  fi
  DIGEST="$(.github/scripts/digest.sh)"
  export DIGEST
}

functions_of_release() {
  local wanted found
  wanted="$(jq --raw-output '.functions | keys[] + ".zip"' functions/settings.json | sort)"
  found="$(aws s3api list-objects-v2 --bucket "$ARTEFACTS_BUCKET" --prefix "$ARTEFACTS_PREFIX/$RELEASE/" --output json | jq --raw-output '.Contents[]?.Key | split("/") | last' | sort)"
  if [ "$found" = "$wanted" ]; then
    echo "The bucket has the functions already."
    return
  fi
  .github/scripts/zips.sh target/zips
  aws s3 sync target/zips "s3://$ARTEFACTS_BUCKET/$ARTEFACTS_PREFIX/$RELEASE/" --exclude '*' --include '*.zip'
}

shopease() {
  cargo run --quiet --features dynamodb -- "$@"
}

content() {
  local bucket
  eval "$(aws configure export-credentials --format env)"
  bucket="$(terraform -chdir=terraform/stack output -json deployment | jq --raw-output '."assets-bucket"')"
  shopease assets upload "s3://$bucket/assets"
  # A second import would replace what an operator has changed meanwhile.
  if [ "$(curl --fail --silent --show-error --retry 10 --retry-all-errors --retry-delay 6 "https://$domain/api/v1/products?limit=1" | jq '.items | length')" = 0 ]; then
    shopease import shared/demo/catalog.csv
  else
    echo "The shop has products already."
  fi
}

# The program rejects an operator who exists, before it reads the password.
first_operator() {
  local answer
  if answer="$(shopease operator "$operator" <<< "$password" 2>&1)"; then
    echo "$answer"
  elif [[ "$answer" == *"is already an operator"* ]]; then
    echo "$operator is already an operator, and keeps the password."
  else
    echo "$answer" >&2
    return 1
  fi
}

check_shop() {
  local paths
  .github/scripts/smoke.sh
  paths="$(for _ in $(seq 40); do curl --silent --show-error --output /dev/null --dump-header - "https://$domain/"; done |
    tr -d '\r' | awk -F ': *' 'tolower($1) == "x-shopease-path" { print $2 }' | sort | uniq -c)"
  printf 'Responses by path, of 40 (lambda_weight in terraform/stack/envs/%s.tfvars sets the share):\n%s\n' "$ENVIRONMENT" "$paths"
}

export SHOPEASE_STORE=dynamodb SHOPEASE_DYNAMODB_TABLE="$project-$ENVIRONMENT"
locked="If an earlier run was interrupted, its lock may remain: the message has its ID, and terraform force-unlock ID removes it."
steps=7
step "State bucket, repositories, roles" "Correct what Terraform reports above. $locked" bootstrap
step "Image of the shop" "Correct what Docker or ECR reports above." image_of_release
step "Functions" "Correct what cargo-lambda or S3 reports above." functions_of_release
step "Environment $ENVIRONMENT, 10 to 20 minutes" "Correct what Terraform reports above. If the certificate is not validated, the zone's parent does not delegate to it: aws route53 get-hosted-zone --id $zone lists the name servers. $locked" \
  .github/scripts/apply.sh release
step "Styles, scripts, and the demo catalog" "Correct what the program reports above: it needs your rights to the bucket and to the table." content
step "Operator" "Correct what the program reports above; a password that it rejects can be replaced." first_operator
step "Smoke test" "The log group /$project-$ENVIRONMENT/tasks and the service's events have the reason: docs/runbook.md." check_shop
printf '\nhttps://%s is deployed, in %d minutes. Sign in at https://%s/login. %s\nTear it down with: scripts/teardown.sh --environment %s\n' \
  "$domain" "$((SECONDS / 60))" "$domain" "$(cost)" "$ENVIRONMENT"
