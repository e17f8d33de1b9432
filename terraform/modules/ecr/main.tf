# A repository with immutable tags. Images are scanned on push and deployed by digest.

resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  policy = jsonencode({
    # A build is one tagged index and several untagged manifests. The first rule counts builds; ECR keeps what an index refers to.
    rules = [
      {
        rulePriority = 1
        description  = "Keep the last builds"
        selection    = { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = var.keep_images }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Delete what no index refers to"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
        action       = { type = "expire" }
      },
    ]
  })
}

# Environments in other accounts.
resource "aws_ecr_repository_policy" "this" {
  count = length(var.reading_accounts) > 0 ? 1 : 0

  repository = aws_ecr_repository.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PullFromOtherAccounts"
      Effect    = "Allow"
      Action    = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer"]
      Principal = { AWS = [for account in sort(var.reading_accounts) : "arn:${data.aws_partition.current.partition}:iam::${account}:root"] }
    }]
  })
}

data "aws_partition" "current" {}
