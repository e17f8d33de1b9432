# Production. Protected: to destroy it, first apply protected = false.
environment = {
  name                    = "prod"
  protected               = true
  web_acl                 = true
  cidr_block              = "10.50.0.0/16"
  autoscaling             = true
  requests_per_target     = 30000
  frontend                = { cpu = 512, memory_mb = 1024, desired = 2, min = 2, max = 10 }
  backend                 = { cpu = 1024, memory_mb = 2048, desired = 2, min = 2, max = 10 }
  database                = { class = "db.m7g.large", multi_az = true, storage_gb = 100, max_storage_gb = 500, backup_days = 30 }
  log_retention_days      = 90
  api_requests_per_second = 1000
  quiet_hours             = 24
  budget_usd              = 1200
  rollout                 = { percent = 10, minutes = 10 }
}

egress             = { nat_gateways = 2 }
lambda_concurrency = 25
path_shift         = { hold_minutes = 30 }
