# The shop's only table. Keys and attributes are defined in storage/src/dynamodb/table.rs; docs/dynamodb-keys.md lists the access patterns.

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.protected

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
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
