# A Fargate cluster, and the Service Connect namespace of its services.

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_service_discovery_http_namespace" "this" {
  name        = var.name
  description = "Services of ${var.name}"
}
