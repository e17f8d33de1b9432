output "key_arn" {
  description = "ARN of the key."
  value       = aws_kms_key.this.arn
}

output "policies" {
  description = "Policy of the key, for review and tests."
  value       = { key = local.policy }
}
