output "role_arn" {
  description = "Role that the pipeline assumes."
  value       = aws_iam_role.this.arn
}

output "policies" {
  description = "Policy documents, for review and tests."
  value       = { trust = local.trust, publish = local.policy }
}
