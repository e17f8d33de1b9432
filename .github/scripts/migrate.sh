#!/usr/bin/env bash
# Brings the schema up to what the new release needs, by one-off tasks that are waited for. Nothing else changes yet; on a new environment
# there is nothing else yet.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

# Runs the task of a name to its end. The first makes the users and may run again; it is there where its image is known.
run_task() {
  local definition cluster network arn code reason
  definition="$(parameter "$1-task")"
  if [ -z "$definition" ]; then
    echo "This environment has no task $1."
    return
  fi
  cluster="$(parameter cluster)"
  network="awsvpcConfiguration={subnets=[$(parameter private-subnets)],securityGroups=[$(parameter backend-group)],assignPublicIp=DISABLED}"
  arn="$(aws ecs run-task --cluster "$cluster" --task-definition "${definition%:*}" --launch-type FARGATE --network-configuration "$network" \
    --started-by "release-${RELEASE:0:12}" --query 'tasks[0].taskArn' --output text)"
  echo "$1: $arn"
  aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$arn"
  read -r code reason < <(aws ecs describe-tasks --cluster "$cluster" --tasks "$arn" \
    --query 'tasks[0].[containers[0].exitCode, stoppedReason]' --output text)
  if [ "$code" != 0 ]; then
    echo "The task $1 ended with $code: $reason. Its log: $(parameter task-log-group)" >&2
    exit 1
  fi
}

initialise
apply_only terraform_data.tasks
run_task database-users
run_task migrate
