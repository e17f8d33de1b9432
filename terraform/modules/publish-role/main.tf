# The pipeline's role that publishes builds: it may push to one repository and write below one prefix of the artifact bucket, nothing else. It assumes
# the role with the OIDC token of its job.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "JobsOfThisEnvironment"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${var.environment}"
        }
      }
    }]
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "PushImages"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = var.image_repository_arn
      },
      { Sid = "WriteArtefacts", Effect = "Allow", Action = "s3:PutObject", Resource = "${var.artefact_bucket_arn}/${var.artefact_prefix}/*" },
      # The action does not support resources.
      { Sid = "RegistryLogin", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    ]
  })
}

resource "aws_iam_role" "this" {
  name               = var.name
  description        = "Publishes the builds of the pipeline's environment ${var.environment}"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "this" {
  name   = "publish"
  role   = aws_iam_role.this.id
  policy = local.policy
}
