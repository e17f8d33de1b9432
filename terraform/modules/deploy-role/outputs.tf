output "role_arn" {
  description = "Role that the pipeline assumes."
  value       = aws_iam_role.this.arn
}

output "boundary_arn" {
  description = "Permissions boundary that every role of the environment must have."
  value       = aws_iam_policy.boundary.arn
}

output "policies" {
  description = "Policy documents, for review and tests."
  value       = { trust = local.trust, deploy = local.policy, boundary = local.boundary }
}
