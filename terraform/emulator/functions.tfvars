# Only the functions, with every option that SAM also has, for the comparison with SAM's template: see xtask/src/both.
store            = { fargate = "dynamodb", lambda = "dynamodb" }
lambda_weight    = 100
http_api         = true
payment_provider = "stripe"
settings         = { SHOPEASE_NAME = "shopease", SHOPEASE_EVENTS = "log" }
