# Permissions of the pipeline's roles.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mock" }
  }

  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-west-1:123456789012:repository/mock" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock-boundary" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
}

variables {
  repository = "example/shopease"
}

run "roles" {
  assert {
    condition = alltrue([
      for name in ["dev", "perf", "staging", "canary", "prod"] :
      jsondecode(output.policies["${name}/trust"]).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:example/shopease:environment:${name}"
    ])
    error_message = "Only jobs of this repository and this environment may assume its role."
  }

  assert {
    condition = alltrue(flatten([
      for key, document in output.policies : [
        for statement in jsondecode(document).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*") || contains([
            "ServicesOfTheStack",                           # creating, changing, and destroying needs nearly every action; limited by account, region, and boundary
            "OwnBuckets",                                   # the same for buckets with the environment's name
            "OthersByTag", "NoTagOfOthers", "OthersByName", # denials
          ], statement.Sid)
        ]
      ]
    ]))
    error_message = "An action with * needs a reason in this list."
  }

  assert {
    condition = alltrue(flatten([
      for key, document in output.policies : endswith(key, "/trust") ? [] : [
        for statement in jsondecode(document).Statement : [
          for resource in flatten([statement.Resource]) : resource != "*" || contains([
            "ServicesOfTheStack", "GlobalServices",                  # resources to create have no name before
            "MostThatTheShopCalls",                                  # a boundary grants nothing
            "NeverTouchTheBoundary", "OthersByTag", "NoTagOfOthers", # denials
            "RegistryLogin",                                         # ecr:GetAuthorizationToken does not support resources
          ], statement.Sid)
        ]
      ]
    ]))
    error_message = "A resource * needs a reason in this list."
  }

  assert {
    condition = alltrue([
      for name in ["dev", "perf", "staging", "canary", "prod"] : alltrue([
        for statement in jsondecode(output.policies["${name}/deploy"]).Statement :
        can(statement.Condition.StringEquals["iam:PermissionsBoundary"]) || !contains(flatten([statement.Action]), "iam:CreateRole")
      ])
    ])
    error_message = "Without the boundary, a role could escape its limits."
  }

  assert {
    condition = [
      for key, document in output.policies : key
      if anytrue([for statement in jsondecode(document).Statement : contains(flatten([statement.Action]), "ecr:PutImage")])
    ] == ["build-pull-request/publish", "build/publish"]
    error_message = "Only jobs that build may push images."
  }

  assert {
    condition     = length(module.repository) == 4 && length(aws_iam_openid_connect_provider.github) == 1
    error_message = "The account of the artifacts has the repositories."
  }
}

# An account of one environment, whose images and artifacts are in another account, and which has the OIDC provider already.
run "account_of_prod" {
  variables {
    environments      = ["prod"]
    artefact_account  = "999999999999"
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(module.repository) == 0 && length(module.artefacts) == 0 && length(module.publish) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Images and artifacts are in their own account."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policies["prod/deploy"]).Statement : alltrue([for arn in flatten([statement.Resource]) : strcontains(arn, "999999999999")])
      if contains(["ReadArtefacts", "ReadImages"], statement.Sid)
    ])
    error_message = "The role must read images and artifacts of the other account."
  }
}

run "no_wildcard_repository" {
  command = plan

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}
