# Once per account, before any environment: storage for state and releases, and the roles that may deploy. Its own state starts as a file; terraform/README.md describes
# how to move it into the bucket that this creates.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.project
      ManagedBy = "terraform"
    }
  }
}

data "aws_caller_identity" "current" {}

################################################################################
# State and releases
################################################################################

module "state" {
  source = "../modules/bucket"

  name             = "${var.project}-state-${data.aws_caller_identity.current.account_id}"
  old_version_days = 90
  force_destroy    = var.disposable
}

module "artefacts" {
  source = "../modules/bucket"

  name          = "${var.project}-artefacts-${data.aws_caller_identity.current.account_id}"
  force_destroy = var.disposable
}

# The shop; AWS's Fluent Bit, mirrored; the PostgreSQL client, mirrored.
module "repository" {
  source   = "../modules/ecr"
  for_each = toset(["", "-log-router", "-psql"])

  name         = "${var.project}${each.key}"
  force_delete = var.disposable
}

################################################################################
# The pipeline
################################################################################

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "deploy" {
  source   = "../modules/deploy-role"
  for_each = var.environments

  name                = "${var.project}-${each.key}"
  environment         = each.key
  repository          = var.repository
  oidc_provider_arn   = aws_iam_openid_connect_provider.github.arn
  state_bucket_arn    = module.state.arn
  state_key           = "${each.key}/stack.tfstate"
  artefact_bucket_arn = module.artefacts.arn
  repository_arns     = [for repository in module.repository : repository.arn]
  # Images are built once, where changes arrive; the other environments only use them.
  may_publish = each.key == var.publishing_environment
}
