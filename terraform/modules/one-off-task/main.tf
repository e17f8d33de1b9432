# A task that an operator or the pipeline runs and that ends: migrations, database users.

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.this["execution"].arn
  task_role_arn            = aws_iam_role.this["task"].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }

  container_definitions = jsonencode([{
    name                   = "task"
    image                  = var.image
    essential              = true
    user                   = var.user
    command                = var.command
    readonlyRootFilesystem = true
    environment            = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets                = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
    portMappings           = []
    mountPoints            = []
    volumesFrom            = []
    systemControls         = []

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = var.log_group_name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.name
      }
    }
  }])
}

locals {
  execution_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "RegistryLogin", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
        {
          Sid      = "PullImage"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = var.repository_arn
        },
        { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "${var.log_group_arn}:*" },
      ],
      [for statement in var.secret_statements : merge(
        { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
        length(statement.condition) == 0 ? {} : { Condition = statement.condition },
      )],
    )
  })
  task_policy = jsonencode({ Version = "2012-10-17", Statement = [for statement in var.task_statements : merge(
    { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
    length(statement.condition) == 0 ? {} : { Condition = statement.condition },
  )] })
}

resource "aws_iam_role" "this" {
  for_each = toset(["execution", "task"])

  name                 = "${var.name}-${each.key}"
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.this["execution"].id
  policy = local.execution_policy
}

resource "aws_iam_role_policy" "task" {
  count = length(var.task_statements) > 0 ? 1 : 0

  name   = "run"
  role   = aws_iam_role.this["task"].id
  policy = local.task_policy
}
