output "name" {
  description = "The bucket's name, known once its policy stands."
  value       = aws_s3_bucket_policy.this.bucket
}

output "arn" {
  description = "The bucket."
  value       = aws_s3_bucket.this.arn
}

output "policies" {
  description = "The bucket's policy, for review and tests."
  value       = { bucket = local.policy }
}
