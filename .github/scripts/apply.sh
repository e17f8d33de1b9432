#!/usr/bin/env bash
# apply.sh canary: adds a canary of the new release to the running release and checks the alarms for ten minutes.
# apply.sh release: replaces the running release.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

apply() {
  terraform_in_stack plan -input=false -out=plan -var-file="envs/$ENVIRONMENT.tfvars" "$@"
  terraform_in_stack apply -input=false plan
}

# Alarms of the environment that are firing now.
firing_alarms() {
  aws cloudwatch describe-alarms --alarm-name-prefix "shopease-$ENVIRONMENT" --state-value ALARM --query 'MetricAlarms[].AlarmName' --output text
}

initialize
new=(-var "$(image_of "${DIGEST:?}" "${RELEASE:?}")" -var "$(zips_of "$RELEASE")")
if [ "$1" = canary ]; then
  running="$(terraform_in_stack output -json release)"
  old_digest="$(jq --raw-output .digest <<< "$running")"
  old_release="$(jq --raw-output .release <<< "$running")"
  old=(-var "$(image_of "$old_digest" "$old_release")" -var "$(zips_of "$old_release")")
  apply "${old[@]}" -var "canary={digest=\"$DIGEST\",release=\"$RELEASE\",weight=${CANARY_PERCENT:?}}"
  for _ in $(seq 20); do
    sleep 30
    if [ -n "$(firing_alarms)" ]; then
      echo "Canary removed because of alarms: $(firing_alarms)" >&2
      apply "${old[@]}"
      exit 1
    fi
  done
else
  apply "${new[@]}"
fi
