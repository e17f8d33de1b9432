# A Fargate service with one application container and, if logs leave AWS, a log router.

locals {
  application = {
    name                   = "app"
    image                  = var.image
    essential              = true
    command                = var.command
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    # After SIGTERM the task drains, finishes requests, and stops. ECS kills it after this time.
    stopTimeout  = 60
    portMappings = [{ name = "http", containerPort = var.port, hostPort = var.port, protocol = "tcp", appProtocol = "http" }]
    # Sorted in the order in which AWS returns them.
    environment = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets     = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
    # The image has no shell, so CMD runs the program's own subcommand. It requests /healthz, which does not use the store.
    healthCheck = {
      command     = ["CMD", var.binary, "healthcheck"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 20
    }
    ulimits          = [{ name = "nofile", softLimit = 4096, hardLimit = 4096 }]
    logConfiguration = jsondecode(var.log_configuration)
    mountPoints      = []
    volumesFrom      = []
    systemControls   = []
  }
  containers = concat([local.application], var.log_router == null ? [] : [jsondecode(var.log_router)])

  services = concat(aws_ecs_service.fixed, aws_ecs_service.scaled)
}

################################################################################
# Task
################################################################################

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode(local.containers)

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }
}

################################################################################
# Service: written twice, because Terraform cannot ignore the count only with autoscaling. Keep both alike
################################################################################

resource "aws_ecs_service" "fixed" {
  count = var.autoscaling == null ? 1 : 0

  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.desired_count
  launch_type                        = var.spot ? null : "FARGATE"
  platform_version                   = "LATEST"
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = { Path = "fargate" }
  availability_zone_rebalancing      = var.alone ? "DISABLED" : "ENABLED"
  deployment_minimum_healthy_percent = var.alone ? 0 : 100
  deployment_maximum_percent         = var.alone ? 100 : 200
  health_check_grace_period_seconds  = 30
  wait_for_steady_state              = var.wait_for_steady_state

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [var.security_group_id]
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.spot ? ["FARGATE_SPOT"] : []
    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  load_balancer {
    target_group_arn = var.target_group_arn
    container_name   = "app"
    container_port   = var.port
  }

  dynamic "service_registries" {
    for_each = var.registry_arn == null ? [] : [var.registry_arn]
    content {
      registry_arn = service_registries.value
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    alarm_names = [module.alarms.names["5xx"]]
    enable      = true
    rollback    = true
  }

  service_connect_configuration {
    enabled   = true
    namespace = var.namespace_arn

    dynamic "service" {
      for_each = var.discovery_name == null ? [] : [var.discovery_name]
      content {
        port_name      = "http"
        discovery_name = service.value

        client_alias {
          dns_name = service.value
          port     = var.port
        }

        # Envoy's default of 15 s would end a checkout that the frontend still waits for.
        timeout {
          per_request_timeout_seconds = var.request_timeout_seconds
        }
      }
    }
  }

  lifecycle {
    # With a circuit breaker, the provider also stops waiting when ECS has rolled back to the previous tasks.
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.this.arn
      error_message = "ECS rolled ${var.name} back: it does not run the new task definition. The service's events have the reason."
    }
  }
}

resource "aws_ecs_service" "scaled" {
  count = var.autoscaling == null ? 0 : 1

  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.desired_count
  launch_type                        = var.spot ? null : "FARGATE"
  platform_version                   = "LATEST"
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = { Path = "fargate" }
  availability_zone_rebalancing      = "ENABLED"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30
  wait_for_steady_state              = var.wait_for_steady_state

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [var.security_group_id]
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.spot ? ["FARGATE_SPOT"] : []
    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  load_balancer {
    target_group_arn = var.target_group_arn
    container_name   = "app"
    container_port   = var.port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    alarm_names = [module.alarms.names["5xx"]]
    enable      = true
    rollback    = true
  }

  service_connect_configuration {
    enabled   = true
    namespace = var.namespace_arn

    dynamic "service" {
      for_each = var.discovery_name == null ? [] : [var.discovery_name]
      content {
        port_name      = "http"
        discovery_name = service.value

        client_alias {
          dns_name = service.value
          port     = var.port
        }

        # Envoy's default of 15 s would end a checkout that the frontend still waits for.
        timeout {
          per_request_timeout_seconds = var.request_timeout_seconds
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [desired_count]

    # With a circuit breaker, the provider also stops waiting when ECS has rolled back to the previous tasks.
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.this.arn
      error_message = "ECS rolled ${var.name} back: it does not run the new task definition. The service's events have the reason."
    }
  }
}

# A deployment is rolled back if the service's targets return 5xx.
module "alarms" {
  source = "../alarms"

  prefix     = var.name
  topic_arns = var.alarm_topic_arns

  alarms = {
    "5xx" = {
      description = "Tasks of ${var.name} return 5xx. A running deployment is rolled back. Runbook: 5xx."
      namespace   = "AWS/ApplicationELB"
      # One failed request of few is no reason, nor are ten of ten thousand.
      expression  = "IF(errors > 1, 100 * errors / requests, 0)"
      bad_minutes = 2
      threshold   = var.alarm_5xx_percent
      metrics = {
        for id, metric in { errors = "HTTPCode_Target_5XX_Count", requests = "RequestCount" } :
        id => { metric = metric, dimensions = { LoadBalancer = var.load_balancer_arn_suffix, TargetGroup = var.target_group_arn_suffix } }
      }
    }
  }
}

################################################################################
# Scaling
################################################################################

locals {
  night  = try(var.autoscaling.night, null)
  target = one(concat(aws_appautoscaling_target.this, aws_appautoscaling_target.scheduled))
}

resource "aws_appautoscaling_target" "this" {
  count = var.autoscaling == null || local.night != null ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${one(aws_ecs_service.scaled[*].name)}"
  min_capacity       = var.autoscaling.min
  max_capacity       = var.autoscaling.max
}

# The schedule changes the minimum, so a plan at night must not raise it again.
resource "aws_appautoscaling_target" "scheduled" {
  count = local.night == null ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${one(aws_ecs_service.scaled[*].name)}"
  min_capacity       = var.autoscaling.min
  max_capacity       = var.autoscaling.max

  lifecycle {
    ignore_changes = [min_capacity, max_capacity]
  }
}

# One task at night, and more under load. In the morning the minimum returns; so does the maximum, which Terraform ignores above.
resource "aws_appautoscaling_scheduled_action" "night" {
  for_each = local.night == null ? {} : {
    night = { hour = local.night.from, min = 1 }
    day   = { hour = local.night.until, min = var.autoscaling.min }
  }

  name               = "${var.name}-${each.key}"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id
  schedule           = "cron(0 ${each.value.hour} * * ? *)"
  timezone           = local.night.time_zone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = var.autoscaling.max
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  count = var.autoscaling == null ? 0 : 1

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscaling.cpu_percent
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# Requests that wait for the store use no CPU. Each policy may add tasks; only both together remove them.
resource "aws_appautoscaling_policy" "requests" {
  count = try(var.autoscaling.requests_per_target, null) == null ? 0 : 1

  name               = "requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.target.service_namespace
  scalable_dimension = local.target.scalable_dimension
  resource_id        = local.target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscaling.requests_per_target
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${var.load_balancer_arn_suffix}/${var.target_group_arn_suffix}"
    }
  }
}

################################################################################
# Roles: the execution role starts the task, the task role holds the permissions of the program
################################################################################

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
      }
    }]
  })

  secret_arns = distinct(concat(values(var.secrets), var.further_secret_arns))

  execution_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "RegistryLogin", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
        {
          Sid      = "PullImages"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = var.repository_arns
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${var.log_group_arn}:*"
        },
      ],
      [for statement in [
        { Sid = "ReadSecrets", Effect = "Allow", Action = "ssm:GetParameters", Resource = local.secret_arns },
        {
          Sid       = "DecryptSecrets"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = var.kms_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "ssm.${var.region}.amazonaws.com" } }
        },
      ] : statement if length(local.secret_arns) > 0],
    )
  })

  task_policy = jsonencode({ Version = "2012-10-17", Statement = [for statement in var.task_statements : merge(
    { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
    length(statement.condition) == 0 ? {} : { Condition = statement.condition },
  )] })
}

resource "aws_iam_role" "execution" {
  name                 = "${var.name}-execution"
  assume_role_policy   = local.trust
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = local.execution_policy
}

resource "aws_iam_role" "task" {
  name                 = "${var.name}-task"
  assume_role_policy   = local.trust
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "task" {
  count = length(var.task_statements) > 0 ? 1 : 0

  name   = "run"
  role   = aws_iam_role.task.id
  policy = local.task_policy
}
