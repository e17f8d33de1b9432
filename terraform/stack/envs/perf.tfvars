# Load tests: exactly the size of prod (a test compares them). Destroy it between tests.
environment = {
  name                    = "perf"
  cidr_block              = "10.20.0.0/16"
  spot                    = true
  autoscaling             = true
  requests_per_target     = 30000
  night                   = { from = 20, until = 6 } # The bill counts the tasks of the day.
  frontend                = { cpu = 512, memory_mb = 1024, desired = 2, min = 2, max = 10 }
  backend                 = { cpu = 1024, memory_mb = 2048, desired = 2, min = 2, max = 10 }
  database                = { class = "db.m7g.large", multi_az = true, storage_gb = 100, max_storage_gb = 500, backup_days = 1 }
  log_retention_days      = 7
  api_requests_per_second = 1000
  budget_usd              = 900
}

egress             = { nat_gateways = 2 }
lambda_concurrency = 25
