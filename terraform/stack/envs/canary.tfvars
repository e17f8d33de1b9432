# Runs a release in production's configuration before production, with synthetic shoppers only, because it has its own database. Real shoppers get a
# canary inside prod, by weight (variable canary).
environment = {
  name                    = "canary"
  cidr_block              = "10.40.0.0/16"
  frontend                = { cpu = 512, memory_mb = 1024, desired = 1 }
  backend                 = { cpu = 1024, memory_mb = 2048, desired = 1 }
  database                = { class = "db.t4g.small", storage_gb = 20, backup_days = 1 }
  log_retention_days      = 7
  api_requests_per_second = 50
  budget_usd              = 250
}

lambda_weight = 10
