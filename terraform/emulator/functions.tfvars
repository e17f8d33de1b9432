# The functions alone and with every choice that SAM has too, to be compared with SAM's template: see xtask/src/both.
store            = { fargate = "dynamodb", lambda = "dynamodb" }
lambda_weight    = 100
http_api         = true
payment_provider = "stripe"
settings         = { SHOPEASE_NAME = "shopease", SHOPEASE_EVENTS = "log" }
