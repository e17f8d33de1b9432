output "key_arn" {
  description = "The key."
  value       = aws_kms_key.this.arn
}

output "policies" {
  description = "The key's policy, for review and tests."
  value       = { key = local.policy }
}
