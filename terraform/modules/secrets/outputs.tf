output "names" {
  description = "Full names."
  value       = [for parameter in aws_ssm_parameter.this : parameter.name]
}

output "arns" {
  description = "Parameters by key."
  value       = { for key, parameter in aws_ssm_parameter.this : key => parameter.arn }
}

output "environment" {
  description = "Variable of the shop to the ARN of the parameter it comes from."
  value       = { for key, parameter in aws_ssm_parameter.this : "SHOPEASE_${upper(replace(key, "-", "_"))}" => parameter.arn }
}
