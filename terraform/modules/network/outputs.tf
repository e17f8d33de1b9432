output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Public subnets, for the load balancer."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Private subnets, for tasks and functions."
  value       = local.private
}

output "isolated_subnet_ids" {
  description = "Isolated subnets, for the database; no route out of the VPC."
  value       = [for zone in local.zones : aws_subnet.isolated[zone].id]
}

output "endpoints_security_group_id" {
  description = "Security group of the interface endpoints."
  value       = aws_security_group.endpoints.id
}

output "gateway_prefix_list_ids" {
  description = "Prefix lists of the gateway endpoints, by service: s3, dynamodb."
  value       = { for service, endpoint in aws_vpc_endpoint.gateway : service => endpoint.prefix_list_id }
}

output "policies" {
  description = "Policy documents of the module's roles, for review and tests."
  value       = { flow-log = local.flow_policy }
}
