# Every pull request: small, one task per service, half of the requests to each path.
environment = {
  name                    = "dev"
  cidr_block              = "10.10.0.0/16"
  spot                    = true
  frontend                = { cpu = 256, memory_mb = 512, desired = 1 }
  backend                 = { cpu = 256, memory_mb = 512, desired = 1 }
  database                = { class = "db.t4g.micro", backup_days = 1 }
  log_retention_days      = 7
  api_requests_per_second = 50
  budget_usd              = 150
}

lambda_weight    = 50
task_connections = 8
http_api         = true
payment_provider = "fake"
log_destination  = "cloudwatch"
