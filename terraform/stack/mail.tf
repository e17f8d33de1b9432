# Returned mails that SES had accepted: SES -> EventBridge -> queue, which the worker reads. Nothing outside calls the shop for it.

locals {
  mail_set = local.mail_transport == "ses" ? "${local.prefix}-mail" : null
}

resource "aws_sesv2_configuration_set" "mail" {
  count = local.mail_set == null ? 0 : 1

  configuration_set_name = local.mail_set

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = false
  }
}

resource "aws_sesv2_configuration_set_event_destination" "bounces" {
  count = local.mail_set == null ? 0 : 1

  configuration_set_name = aws_sesv2_configuration_set.mail[0].configuration_set_name
  event_destination_name = "bounces"

  event_destination {
    enabled              = true
    matching_event_types = ["BOUNCE"]

    # Only the default bus can receive them.
    event_bridge_destination {
      event_bus_arn = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default"
    }
  }
}

resource "aws_cloudwatch_event_rule" "bounces" {
  count = local.mail_set == null ? 0 : 1

  name        = "${local.prefix}-bounces"
  description = "Returned mails of ${local.prefix}"

  # The bus has the events of every environment in the account.
  event_pattern = jsonencode({
    source        = ["aws.ses"]
    "detail-type" = ["Email Bounced"]
    detail        = { mail = { tags = { "ses:configuration-set" = [local.mail_set] } } }
  })
}

resource "aws_cloudwatch_event_target" "bounces" {
  count = local.mail_set == null ? 0 : 1

  rule = aws_cloudwatch_event_rule.bounces[0].name
  arn  = aws_sqs_queue.bounces[0].arn
}

resource "aws_sqs_queue" "bounces" {
  count = local.mail_set == null ? 0 : 1

  name = "${local.prefix}-bounces"
  # Encrypted with SQS's own key: EventBridge could not use a key of ours without rights on it.
  sqs_managed_sse_enabled = true
  # The maximum. The worker removes what it has recorded.
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_policy" "bounces" {
  count = local.mail_set == null ? 0 : 1

  queue_url = aws_sqs_queue.bounces[0].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EventsOfTheRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.bounces[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.bounces[0].arn } }
    }]
  })
}
