#!/usr/bin/env bash
# Runs the migration of the new release as a task of its own, and waits for it. Nothing else changes yet.
set -euo pipefail
# shellcheck source=.github/scripts/common.sh
. "$(dirname "$0")/common.sh"

initialise
apply_only module.migrate
task="$(parameter migrate-task)"
if [ -z "$task" ]; then
  echo "No store of this environment has a schema."
  exit 0
fi
cluster="$(parameter cluster)"
network="awsvpcConfiguration={subnets=[$(parameter private-subnets)],securityGroups=[$(parameter backend-group)],assignPublicIp=DISABLED}"
arn="$(aws ecs run-task --cluster "$cluster" --task-definition "${task%:*}" --launch-type FARGATE --network-configuration "$network" \
  --started-by "release-${RELEASE:0:12}" --query 'tasks[0].taskArn' --output text)"
echo "Migration: $arn"
aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$arn"
read -r code reason < <(aws ecs describe-tasks --cluster "$cluster" --tasks "$arn" \
  --query 'tasks[0].[containers[0].exitCode, stoppedReason]' --output text)
if [ "$code" != 0 ]; then
  echo "The migration ended with $code: $reason. Its log: $(parameter task-log-group)" >&2
  exit 1
fi
