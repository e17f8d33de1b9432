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
data "aws_partition" "current" {}

################################################################################
# State and releases
################################################################################

module "state" {
  source = "../modules/bucket"

  name             = "${var.project}-state-${data.aws_caller_identity.current.account_id}"
  old_version_days = 90
  force_destroy    = var.disposable
}

# Images and functions of every environment are in one account; in others, only their names are known.
module "artefacts" {
  source = "../modules/bucket"
  count  = local.holds_artefacts ? 1 : 0

  name             = local.artefact_bucket
  force_destroy    = var.disposable
  reading_accounts = var.reading_accounts
}

# The shop; builds of pull requests, which cannot push out or replace a release; AWS's Fluent Bit with the shop's configuration; the PostgreSQL
# client, mirrored.
module "repository" {
  source   = "../modules/ecr"
  for_each = local.holds_artefacts ? local.repositories : []

  name             = each.key
  force_delete     = var.disposable
  reading_accounts = var.reading_accounts
}

locals {
  artefact_account = var.artefact_account == null ? data.aws_caller_identity.current.account_id : var.artefact_account
  holds_artefacts  = local.artefact_account == data.aws_caller_identity.current.account_id
  artefact_bucket  = "${var.project}-artefacts-${local.artefact_account}"
  artefact_arn     = "arn:${data.aws_partition.current.partition}:s3:::${local.artefact_bucket}"
  repositories     = toset([var.project, "${var.project}-log-router", "${var.project}-psql", "${var.project}-pull-requests"])
  repository_arns = {
    for repository in local.repositories : repository => "arn:${data.aws_partition.current.partition}:ecr:${var.region}:${local.artefact_account}:repository/${repository}"
  }
}

################################################################################
# The pipeline
################################################################################

# An account has one provider for GitHub. Where it exists, for example for other repositories, use it.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  oidc_provider_arn = var.oidc_provider_arn == null ? one(aws_iam_openid_connect_provider.github[*].arn) : var.oidc_provider_arn
}

# Releases are built from main, pull requests from any branch.
module "publish" {
  source = "../modules/publish-role"
  for_each = local.holds_artefacts ? {
    build              = { images = var.project, artefacts = "functions" }
    build-pull-request = { images = "${var.project}-pull-requests", artefacts = "pull-requests" }
  } : {}

  name                 = "${var.project}-publish-${each.key}"
  environment          = each.key
  repository           = var.repository
  oidc_provider_arn    = local.oidc_provider_arn
  image_repository_arn = local.repository_arns[each.value.images]
  artefact_bucket_arn  = local.artefact_arn
  artefact_prefix      = each.value.artefacts
}

module "deploy" {
  source   = "../modules/deploy-role"
  for_each = var.environments

  project             = var.project
  environment         = each.key
  other_environments  = sort(setsubtract(var.environments, [each.key]))
  repository          = var.repository
  oidc_provider_arn   = local.oidc_provider_arn
  state_bucket_arn    = module.state.arn
  state_key           = "${each.key}/stack.tfstate"
  artefact_bucket_arn = local.artefact_arn
  repository_arns     = values(local.repository_arns)
}
