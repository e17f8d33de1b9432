#!/usr/bin/env bash
# apply.sh record FILE: writes the running release to FILE, or null in an environment that has none.
# apply.sh canary FILE: gives the new release a share of the requests on both paths, and watches the alarms. Share and minutes are those of the
# environment (environment.rollout); without them, or without a running release, there is no canary.
# apply.sh release: replaces the running release.
# apply.sh return FILE: applies the recorded release again.
# apply.sh drift FILE: changes nothing, and fails if what exists differs from what the recorded release and the sources describe.
#
# Terraform sets the weights of target groups and the versions of aliases, from variables, so no later plan reverts what a rollout has set.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

apply() {
  terraform_in_stack plan -input=false -out=plan "$lock" -var-file="envs/$ENVIRONMENT.tfvars" "$@" &&
    terraform_in_stack apply -input=false "$lock" plan
}

# A part of the recorded release, as the value of a Terraform variable.
recorded() {
  jq --compact-output ".$1" "$former"
}

# The recorded release serves, and the given percentage of the requests gets the new one: tasks of a second service, and new versions of functions.
canary() {
  apply -var "image=$(recorded image)" -var "functions=$(functions)" \
    -var "canary={digest=\"${DIGEST:?}\",release=\"${RELEASE:?}\",weight=$1}" \
    -var "function_versions=$(recorded function_versions)" -var "function_canary_percent=$1"
}

# Runs a command with the recorded release. The aliases point to the versions that served then, whichever is the newest.
with_former_release() {
  "$@" -var "image=$(recorded image)" -var "functions=$(recorded functions)" -var "function_versions=$(recorded function_versions)"
}

# Alarms on errors of either path: those of tasks and functions, and of their target groups.
failing() {
  firing_alarms | tr '\t' '\n' | { grep -E -e '-(5xx|errors)$' || true; }
}

# Fails if one of them fires within the given minutes, or cannot be read.
watch() {
  local alarms
  for _ in $(seq "$((2 * $1))"); do
    sleep "${CANARY_PAUSE:-30}"
    alarms="$(failing)" || return 1
    if [ -n "$alarms" ]; then
      echo "Canary removed because of alarms: ${alarms//$'\n'/ }" >&2
      return 1
    fi
  done
}

former="${2:-}"
initialize
case "$1" in
  record)
    # Without a name: a single output that does not exist yet is an error.
    terraform_in_stack output -json | jq '.release.value' > "$former"
    ;;
  canary)
    rollout="$(setting var.environment.rollout)"
    if [ "$(recorded image)" = null ] || [ "$rollout" = null ]; then
      echo "No canary: nothing runs in $ENVIRONMENT yet, or it has no rollout."
      exit 0
    fi
    # A target group without tasks answers 503, so tasks start before requests reach them, and get none before they stop.
    if ! canary 0; then
      with_former_release apply
      exit 1
    fi
    if ! { canary "$(jq .percent <<< "$rollout")" && watch "$(jq .minutes <<< "$rollout")"; }; then
      canary 0
      with_former_release apply
      exit 1
    fi
    canary 0
    ;;
  release)
    apply -var "image=$(image)" -var "functions=$(functions)"
    ;;
  return)
    if [ "$(recorded image)" = null ]; then
      echo "$ENVIRONMENT had no release before: this one stays."
      exit 0
    fi
    with_former_release apply
    ;;
  drift)
    with_former_release terraform_in_stack plan -input=false -detailed-exitcode "$lock" -var-file="envs/$ENVIRONMENT.tfvars"
    ;;
  *)
    echo "apply.sh: unknown command $1" >&2
    exit 2
    ;;
esac
