output "arn" {
  description = "ARN of the cluster."
  value       = aws_ecs_cluster.this.arn
  # A service on Spot can exist only while the cluster has that capacity.
  depends_on = [aws_ecs_cluster_capacity_providers.this]
}

output "name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "namespace_arn" {
  description = "Service Connect namespace."
  value       = aws_service_discovery_http_namespace.this.arn
}
