# Permissions of the pipeline in one environment. It assumes the role with the OIDC token of its job: no key is stored anywhere.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  name      = "${var.project}-${var.environment}"
  roles     = "arn:${local.partition}:iam::${local.account}:role/${local.name}-*"

  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "JobsOfThisEnvironment"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.oidc_provider_arn }
      # Exactly this repository and this environment. With a wildcard, any branch could deploy to prod.
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${var.environment}"
        }
      }
    }]
  })

  # Services that the stack uses. Whole services, because creating, changing, reading, and destroying them needs nearly every action of each. The
  # role is limited by the account (one per environment is recommended), the region, the permissions boundary of every role that it creates, and, in a
  # shared account, by local.denials.
  services = [
    "acm", "apigateway", "application-autoscaling", "cloudwatch", "dynamodb", "ec2", "ecs", "elasticloadbalancing", "events",
    "lambda", "logs", "rds", "servicediscovery", "sns", "sqs", "states", "wafv2",
  ]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "ServicesOfTheStack"
          Effect    = "Allow"
          Action    = [for service in local.services : "${service}:*"]
          Resource  = "*"
          Condition = { StringEquals = { "aws:RequestedRegion" = local.region } }
        },
        {
          # Services without regions, or whose resources have no predictable name.
          Sid    = "GlobalServices"
          Effect = "Allow"
          Action = [
            "budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "budgets:ViewBudget",
            "kms:CreateAlias", "kms:CreateGrant", "kms:CreateKey", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:Encrypt",
            "kms:GenerateDataKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags", "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
            "route53:ChangeResourceRecordSets", "route53:ChangeTagsForResource", "route53:CreateHostedZone", "route53:DeleteHostedZone",
            "route53:GetChange", "route53:GetHostedZone", "route53:ListHostedZones", "route53:ListHostedZonesByName", "route53:ListResourceRecordSets", "route53:ListTagsForResource",
            "secretsmanager:CreateSecret", "secretsmanager:DescribeSecret", "secretsmanager:RotateSecret", "secretsmanager:TagResource",
            "ses:CreateConfigurationSet", "ses:CreateConfigurationSetEventDestination", "ses:DeleteConfigurationSet", "ses:DeleteConfigurationSetEventDestination",
            "ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations", "ses:ListTagsForResource", "ses:PutConfigurationSetDeliveryOptions",
            "ses:PutConfigurationSetReputationOptions", "ses:TagResource", "ses:UntagResource", "ses:UpdateConfigurationSetEventDestination",
            "ssm:DescribeParameters", "sts:GetCallerIdentity",
          ]
          Resource = "*"
        },
        {
          Sid    = "OwnParameters"
          Effect = "Allow"
          Action = [
            "ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:GetParameters", "ssm:ListTagsForResource", "ssm:PutParameter",
            "ssm:RemoveTagsFromResource",
          ]
          Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${var.project}/${var.environment}/*"
        },
        {
          Sid      = "OwnBuckets"
          Effect   = "Allow"
          Action   = "s3:*"
          Resource = ["arn:${local.partition}:s3:::${local.name}-*", "arn:${local.partition}:s3:::${local.name}-*/*"]
        },
        {
          Sid      = "OwnState"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          Resource = ["${var.state_bucket_arn}/${var.state_key}", "${var.state_bucket_arn}/${var.state_key}.tflock"]
        },
        { Sid = "FindState", Effect = "Allow", Action = "s3:ListBucket", Resource = var.state_bucket_arn },
        { Sid = "ReadArtefacts", Effect = "Allow", Action = ["s3:GetObject", "s3:GetObjectVersion"], Resource = "${var.artefact_bucket_arn}/*" },
        {
          Sid       = "MakeRolesWithinTheBoundary"
          Effect    = "Allow"
          Action    = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
          Resource  = local.roles
          Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
        },
        {
          Sid    = "KeepOwnRoles"
          Effect = "Allow"
          Action = [
            "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
            "iam:ListRolePolicies", "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
          ]
          Resource = local.roles
        },
        {
          Sid      = "HandRolesToServices"
          Effect   = "Allow"
          Action   = "iam:PassRole"
          Resource = local.roles
          Condition = {
            StringEquals = {
              "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "events.amazonaws.com", "lambda.amazonaws.com", "monitoring.rds.amazonaws.com", "states.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
            }
          }
        },
        {
          Sid       = "RolesOfAwsItself"
          Effect    = "Allow"
          Action    = "iam:CreateServiceLinkedRole"
          Resource  = "arn:${local.partition}:iam::${local.account}:role/aws-service-role/*"
          Condition = { StringEquals = { "iam:AWSServiceName" = ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com", "ops.apigateway.amazonaws.com"] } }
        },
        {
          # Otherwise the role could remove its own limits and those of the roles it creates.
          Sid      = "NeverTouchTheBoundary"
          Effect   = "Deny"
          Action   = ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:SetDefaultPolicyVersion"]
          Resource = "*"
        },
        {
          Sid    = "ReadImages"
          Effect = "Allow"
          Action = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer"]

          Resource = var.repository_arns
        },
        # To run the image's own commands, such as the upload of its assets. The login action does not support resources.
        { Sid = "RegistryLogin", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      ],
      local.denials,
    )
  })

  # Environments of one account: neither this role nor the roles that it creates may touch what belongs to another one. By tag where the service supports
  # it; data and services also by name, because a resource without the tag would otherwise be open.
  denials = [for statement in [
    {
      Sid       = "OthersByTag"
      Effect    = "Deny"
      Action    = "*"
      Resource  = "*"
      Condition = { StringEquals = { "aws:ResourceTag/Environment" = var.other_environments } }
    },
    {
      Sid       = "NoTagOfOthers"
      Effect    = "Deny"
      Action    = "*"
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestTag/Environment" = var.other_environments } }
    },
    {
      Sid    = "OthersByName"
      Effect = "Deny"
      Action = "*"
      Resource = flatten([for other in [for environment in var.other_environments : "${var.project}-${environment}"] : [
        "arn:${local.partition}:dynamodb:*:*:table/${other}", "arn:${local.partition}:dynamodb:*:*:table/${other}/*",
        "arn:${local.partition}:ecs:*:*:*/${other}", "arn:${local.partition}:ecs:*:*:*/${other}/*", "arn:${local.partition}:ecs:*:*:*/${other}-*",
        "arn:${local.partition}:elasticloadbalancing:*:*:*/${other}/*", "arn:${local.partition}:elasticloadbalancing:*:*:targetgroup/${other}-*",
        "arn:${local.partition}:lambda:*:*:function:${other}-*",
        "arn:${local.partition}:rds:*:*:*:${other}", "arn:${local.partition}:rds:*:*:*:${other}-*",
        "arn:${local.partition}:s3:::${other}-*",
        "arn:${local.partition}:ses:*:*:configuration-set/${other}-*",
        "arn:${local.partition}:sqs:*:*:${other}-*",
        "arn:${local.partition}:ssm:*:*:parameter/${replace(other, "${var.project}-", "${var.project}/")}/*",
      ]])
    },
  ] : statement if length(var.other_environments) > 0]

  # Upper limit for every role of the environment; each role's own policy allows much less.
  boundary = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid    = "MostThatTheShopCalls"
        Effect = "Allow"
        Action = [
          "cloudwatch:DescribeAlarms",
          "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable",
          "dynamodb:DescribeTimeToLive", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
          "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
          "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule", "events:PutEvents", "kms:Decrypt", "kms:GenerateDataKey",
          "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents", "logs:PutRetentionPolicy",
          "rds-db:connect", "s3:GetObject", "s3:ListBucket", "secretsmanager:GetSecretValue", "ses:SendEmail", "ses:SendRawEmail", "sns:Publish",
          "sqs:DeleteMessage", "sqs:ReceiveMessage",
          "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "states:StartExecution", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
        ]
        Resource = "*"
      },
    ], local.denials)
  })
}

resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_355:A boundary grants nothing: it limits policies that name their resources
  #checkov:skip=CKV_AWS_290:As above
  #checkov:skip=CKV_AWS_289:As above
  #checkov:skip=CKV_AWS_288:As above
  #checkov:skip=CKV_AWS_287:As above
  name        = "${local.name}-boundary"
  description = "Permissions boundary of every role of ${local.name}"
  policy      = local.boundary
}

resource "aws_iam_role" "this" {
  # Outside the names of local.roles: the role cannot change its own trust, and cannot pass itself to a service.
  name               = "${var.project}-deploy-${var.environment}"
  description        = "Deploy role of the pipeline in ${var.environment}"
  assume_role_policy = local.trust
  # A deployment with a canary and a load test takes longer than an hour; deploy.yml requests this.
  max_session_duration = 7200
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:Terraform creates resources that have no name yet; see the comment on local.services
  #checkov:skip=CKV_AWS_290:As above
  #checkov:skip=CKV_AWS_289:Roles are limited to the environment's names and to its boundary
  #checkov:skip=CKV_AWS_288:As CKV_AWS_355
  #checkov:skip=CKV_AWS_287:As CKV_AWS_355
  #checkov:skip=CKV_AWS_286:As CKV_AWS_289
  name   = "deploy"
  role   = aws_iam_role.this.id
  policy = local.policy
}
