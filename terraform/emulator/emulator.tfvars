# Added to envs/<name>.tfvars for an emulated deployment.
region         = "us-east-1"
domain         = { name = "shop.example.test" }
functions      = { bucket = "artefacts", prefix = "release" }
alarm_email    = "operations@example.test"
wait_for_tasks = false
image = {
  digest        = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
  router_digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  psql_digest   = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
}
