# Destination of a container's logs. Only data, so that it can be tested without a cloud.
#
# cloudwatch: the awslogs driver. datadog: FireLens, a Fluent Bit next to the application that sends to Datadog's intake, and the application's metrics to
# CloudWatch, where the alarms are. Its own logs go to CloudWatch, because a router cannot report its own failures.

data "aws_region" "current" {}

locals {
  awslogs = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = var.log_group_name
      awslogs-region        = data.aws_region.current.name
      awslogs-stream-prefix = var.service
      # Losing a log line is better than blocking the application on its log.
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
      # Lines that wait for the router in the log driver.
      log-driver-buffer-limit = "2097152"
    }
    # Read by the execution role; the key appears in no task definition and no variable.
    secretOptions = [{ name = "apikey", valueFrom = var.datadog_api_key_arn }]
  }

  router = {
    name      = "log-router"
    image     = var.router_image
    essential = true
    # The agent lets Fluent Bit buffer half of the reservation. The hard limit is more than twice that, so that bursts do not kill the task.
    memoryReservation = 100
    memory            = 200
    user              = "0"
    firelensConfiguration = {
      type    = "fluentbit"
      options = { enable-ecs-log-metadata = "true", config-file-type = "file", config-file-value = "/metrics.conf" }
    }
    readonlyRootFilesystem = true
    # The router stops last, and then has this long to send what it holds.
    stopTimeout      = 60
    logConfiguration = merge(local.awslogs, { options = merge(local.awslogs.options, { awslogs-stream-prefix = "${var.service}-router" }) })
    environment = [
      { name = "AWS_REGION", value = data.aws_region.current.name },
      { name = "METRICS_LOG_GROUP", value = var.log_group_name },
      { name = "METRICS_SERVICE", value = var.service },
    ]
    portMappings   = []
    mountPoints    = []
    volumesFrom    = []
    systemControls = []
  }
}
