# Last check before production: built like prod, smaller.
environment = {
  name                    = "staging"
  cidr_block              = "10.30.0.0/16"
  autoscaling             = true
  requests_per_target     = 15000
  frontend                = { cpu = 256, memory_mb = 512, desired = 1, min = 1, max = 3 }
  backend                 = { cpu = 512, memory_mb = 1024, desired = 1, min = 1, max = 3 }
  database                = { class = "db.t4g.small", storage_gb = 20, backup_days = 3 }
  log_retention_days      = 14
  api_requests_per_second = 500
  budget_usd              = 300
  rollout                 = { percent = 10, minutes = 5 }
}

lambda_weight    = 10
task_connections = 12
path_shift       = { hold_minutes = 30 }
