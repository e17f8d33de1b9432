#!/usr/bin/env bash
# Migrates the schema to the new release with one-off tasks, and waits for them. Nothing else changes; in a new environment,
# nothing else exists yet.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

# run_task NAME [COMMAND]: runs a task, with other arguments if given as a JSON list, and waits for it. The task that creates the users can run again; it
# exists only if its image is configured.
run_task() {
  local definition cluster network overrides arn code reason
  definition="$(parameter "$1-task")"
  if [ -z "$definition" ]; then
    echo "This environment has no task $1."
    return
  fi
  cluster="$(parameter cluster)"
  network="awsvpcConfiguration={subnets=[$(parameter private-subnets)],securityGroups=[$(parameter backend-group)],assignPublicIp=DISABLED}"
  overrides="$(jq --null-input --compact-output --argjson command "${2:-null}" '{containerOverrides: [{name: "task"} + if $command then {command: $command} else {} end]}')"
  arn="$(aws ecs run-task --cluster "$cluster" --task-definition "${definition%:*}" --launch-type FARGATE --network-configuration "$network" \
    --overrides "$overrides" --started-by "release-${RELEASE:0:12}" --query 'tasks[0].taskArn' --output text)"
  echo "$1: $arn"
  aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$arn"
  read -r code reason < <(aws ecs describe-tasks --cluster "$cluster" --tasks "$arn" \
    --query 'tasks[0].[containers[0].exitCode, stoppedReason]' --output text)
  if [ "$code" != 0 ]; then
    echo "Task $1 failed with exit code $code: $reason. Log group: $(parameter task-log-group)" >&2
    exit 1
  fi
}

initialize
apply_only terraform_data.tasks
run_task database-users
if [ "${CATALOG:-}" = demo ]; then
  # A new environment has no products, and load and smoke tests need some.
  run_task migrate '["migrate", "--demo"]'
else
  run_task migrate
fi
