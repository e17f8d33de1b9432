# What every test run begins with; a run says what it changes.
environment = {
  name       = "staging"
  cidr_block = "10.0.0.0/16"
  frontend   = { cpu = 256, memory_mb = 512, desired = 1 }
  backend    = { cpu = 256, memory_mb = 512, desired = 1 }
  database   = { class = "db.t4g.small" }
  budget_usd = 100
}
domain    = { name = "shop.example.test" }
functions = { bucket = "artefacts", prefix = "release" }
image = {
  digest        = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  router_digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  psql_digest   = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
}
