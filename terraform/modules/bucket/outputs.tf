output "name" {
  description = "Name of the bucket. Known once its policy is attached."
  value       = aws_s3_bucket_policy.this.bucket
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "policies" {
  description = "Policy of the bucket, for review and tests."
  value       = { bucket = local.policy }
}
