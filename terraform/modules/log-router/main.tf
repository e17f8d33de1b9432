# Where a container's lines go: nothing but data, so that it can be tested without a cloud.
#
# cloudwatch: the awslogs driver. datadog: FireLens, that is a Fluent Bit beside the application that sends to Datadog's intake; its own lines
# go to CloudWatch, for a router cannot report its own trouble.

data "aws_region" "current" {}

locals {
  awslogs = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = var.log_group_name
      awslogs-region        = data.aws_region.current.name
      awslogs-stream-prefix = var.service
      # An application that must wait for its log is worse than a lost line.
      mode            = "non-blocking"
      max-buffer-size = "4m"
    }
  }

  firelens = {
    logDriver = "awsfirelens"
    options = {
      Name        = "datadog"
      Host        = "http-intake.logs.${var.datadog_site}"
      TLS         = "on"
      compress    = "gzip"
      provider    = "ecs"
      dd_service  = var.service
      dd_source   = "rust"
      dd_tags     = "env:${var.environment},version:${var.release}"
      retry_limit = "2"
      # Lines that wait for the router, in the driver.
      log-driver-buffer-limit = "2097152"
    }
    # Read by the execution role; the key is in no task definition and no variable.
    secretOptions = [{ name = "apikey", valueFrom = var.datadog_api_key_arn }]
  }

  router = {
    name      = "log-router"
    image     = var.router_image
    essential = true
    # The agent lets Fluent Bit buffer half of the reservation; the hard limit is twice that and more, or bursts would kill the task.
    memoryReservation = 100
    memory            = 200
    user              = "0"
    firelensConfiguration = {
      type    = "fluentbit"
      options = { enable-ecs-log-metadata = "true" }
    }
    readonlyRootFilesystem = true
    # The router is stopped last, and then has so long to send what it holds.
    stopTimeout      = 60
    logConfiguration = merge(local.awslogs, { options = merge(local.awslogs.options, { awslogs-stream-prefix = "${var.service}-router" }) })
    environment      = []
    portMappings     = []
    mountPoints      = []
    volumesFrom      = []
    systemControls   = []
  }
}
