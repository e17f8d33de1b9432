output "arn" {
  description = "ARN of the repository."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "URL for pushing and pulling images."
  value       = aws_ecr_repository.this.repository_url
}
