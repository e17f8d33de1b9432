# The shop's only table; docs/dynamodb-keys.md lists the access patterns.

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.attributes.partition_key
  range_key                   = var.attributes.sort_key
  deletion_protection_enabled = var.protected

  attribute {
    name = var.attributes.partition_key
    type = "S"
  }

  attribute {
    name = var.attributes.sort_key
    type = "S"
  }

  ttl {
    attribute_name = var.attributes.expiry
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

# Throttles by kind: ThrottledRequests exists only per table and operation, so an alarm on the table alone would never fire.
module "alarms" {
  source = "../alarms"

  prefix     = "${var.name}-table"
  topic_arns = var.alarm_topic_arns

  alarms = {
    for kind in ["read", "write"] : "${kind}-throttles" => {
      description = "Table ${var.name} throttles: ${kind}. Runbook: table throttles."
      namespace   = "AWS/DynamoDB"
      metric      = "${title(kind)}ThrottleEvents"
      dimensions  = { TableName = aws_dynamodb_table.this.name }
      bad_minutes = 2
      threshold   = 10
    }
  }
}
