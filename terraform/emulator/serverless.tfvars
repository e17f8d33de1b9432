# Not an environment: what no environment sets. Both paths on DynamoDB, functions serve everything and run the
# worker, interface endpoints instead of NAT, mails by SES.
project = "serverless"
environment = {
  name       = "dev"
  cidr_block = "10.60.0.0/16"
  frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
  backend    = { cpu = 256, memory_mb = 512, desired = 1 }
  database   = { class = "db.t4g.micro" }
  budget_usd = 150
}

store            = { fargate = "dynamodb", lambda = "dynamodb" }
lambda_weight    = 100
payment_provider = "fake"
log_destination  = "cloudwatch"
egress           = { nat_gateways = 0, interface_endpoints = ["ecr.api", "ecr.dkr", "email", "kms", "logs", "sqs", "ssm"] }
mail             = { transport = "ses", from = "Shop <orders@shop.example.test>" }
