output "names" {
  description = "Full names of the parameters."
  value       = [for parameter in aws_ssm_parameter.this : parameter.name]
}

output "arns" {
  description = "ARNs of the parameters by key."
  value       = { for key, parameter in aws_ssm_parameter.this : key => parameter.arn }
}

output "environment" {
  description = "Environment variable of the shop to the ARN of the parameter that holds its value."
  value       = { for key, parameter in aws_ssm_parameter.this : "SHOPEASE_${upper(replace(key, "-", "_"))}" => parameter.arn }
}
