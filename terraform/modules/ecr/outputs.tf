output "arn" {
  description = "The repository."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "Where images are pushed to and pulled from."
  value       = aws_ecr_repository.this.repository_url
}
