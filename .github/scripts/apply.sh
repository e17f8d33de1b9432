#!/usr/bin/env bash
# apply.sh record FILE: writes the running release to FILE, or null in an environment that has none.
# apply.sh canary FILE: adds a canary of the new release to the running one, on both paths, and checks the alarms for ten minutes.
# apply.sh release: replaces the running release.
# apply.sh return FILE: applies the recorded release again.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

apply() {
  terraform_in_stack plan -input=false -out=plan "$lock" -var-file="envs/$ENVIRONMENT.tfvars" "$@"
  terraform_in_stack apply -input=false "$lock" plan
}

# A part of the recorded release, as the value of a Terraform variable.
recorded() {
  jq --compact-output ".$1" "$former"
}

former="${2:-}"
initialize
case "$1" in
  record)
    # Without a name: a single output that does not exist yet is an error.
    terraform_in_stack output -json | jq '.release.value' > "$former"
    ;;
  canary)
    if [ "$(recorded image)" = null ]; then
      echo "Nothing runs in $ENVIRONMENT, so there is nothing to compare a canary with."
      exit 0
    fi
    old=(-var "image=$(recorded image)" -var "functions=$(recorded functions)")
    # The functions' new versions, next to the ones that serve now.
    apply -var "image=$(recorded image)" -var "functions=$(functions)" \
      -var "canary={digest=\"${DIGEST:?}\",release=\"${RELEASE:?}\",weight=${CANARY_PERCENT:?}}" \
      -var "function_versions=$(recorded function_versions)" -var "function_canary_percent=$CANARY_PERCENT"
    for _ in $(seq 20); do
      sleep "${CANARY_PAUSE:-30}"
      firing="$(firing_alarms)"
      if [ -n "$firing" ]; then
        echo "Canary removed because of alarms: $firing" >&2
        apply "${old[@]}"
        exit 1
      fi
    done
    ;;
  release)
    apply -var "image=$(image)" -var "functions=$(functions)"
    ;;
  return)
    if [ "$(recorded image)" = null ]; then
      echo "$ENVIRONMENT had no release before: this one stays."
      exit 0
    fi
    apply -var "image=$(recorded image)" -var "functions=$(recorded functions)"
    ;;
  *)
    echo "apply.sh: unknown command $1" >&2
    exit 2
    ;;
esac
