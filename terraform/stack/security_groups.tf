# All allowed connections. Rules reference security groups; only the load balancer's rules use addresses.

locals {
  groups = merge({
    load-balancer = "Load balancer: from shoppers to tasks"
    frontend      = "Frontend tasks: from the load balancer to the backend"
    backend       = "Backend tasks: from load balancer and frontend to the store"
    functions     = "Functions in the VPC: to the database"
    database      = "Database: from backend and functions"
  }, local.fake_payments ? { payments = "Test payments: from load balancer, backend and functions" } : {})

  # [from, to, port]: each of the two groups gets its side of the rule.
  flows = merge({
    "load-balancer frontend" = var.image.container_port
    "load-balancer backend"  = var.image.container_port
    "frontend backend"       = var.image.container_port
    "backend database"       = 5432
    "functions database"     = 5432
    }, local.fake_payments ? {
    "load-balancer payments" = var.image.container_port
    "backend payments"       = var.image.container_port
    "functions payments"     = var.image.container_port
  } : {})
  callers = toset(concat(["frontend", "backend", "functions"], local.fake_payments ? ["payments"] : []))
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:Attached by the modules that receive its id, which the check does not follow
  for_each = local.groups

  name        = "${local.prefix}-${each.key}"
  description = each.value
  vpc_id      = module.network.vpc_id

  tags = { Name = "${local.prefix}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[split(" ", each.key)[1]].id
  referenced_security_group_id = aws_security_group.this[split(" ", each.key)[0]].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = "From ${split(" ", each.key)[0]}"
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[split(" ", each.key)[0]].id
  referenced_security_group_id = aws_security_group.this[split(" ", each.key)[1]].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = "To ${split(" ", each.key)[1]}"
}

################################################################################
# Shoppers
################################################################################

resource "aws_vpc_security_group_ingress_rule" "shoppers" {
  #checkov:skip=CKV_AWS_260:Port 80 only redirects to HTTPS
  for_each = merge([for block in var.client_cidr_blocks : { for port in [80, 443] : "${block} ${port}" => { block = block, port = port } }]...)

  security_group_id = aws_security_group.this["load-balancer"].id
  cidr_ipv4         = each.value.block
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = each.value.port == 80 ? "Redirect to HTTPS" : "HTTPS"
}

################################################################################
# AWS through gateway and interface endpoints, and the internet through NAT if there is a gateway
################################################################################

resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each = merge([for caller in local.callers : { for service in ["s3", "dynamodb"] : "${caller} ${service}" => { caller = caller, service = service } }]...)

  security_group_id = aws_security_group.this[each.value.caller].id
  prefix_list_id    = module.network.gateway_prefix_list_ids[each.value.service]
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "To ${each.value.service} through its gateway endpoint"
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = local.callers

  security_group_id            = aws_security_group.this[each.key].id
  referenced_security_group_id = module.network.endpoints_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  description                  = "To AWS services through interface endpoints"
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = local.callers

  security_group_id            = module.network.endpoints_security_group_id
  referenced_security_group_id = aws_security_group.this[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  description                  = "From ${each.key}"
}

# Datadog, Stripe, and AWS services without an endpoint: their addresses change, so the rule restricts only the port.
resource "aws_vpc_security_group_egress_rule" "world" {
  for_each = var.egress.nat_gateways > 0 ? local.callers : []

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "HTTPS through NAT"
}

# The SMTP relay: TLS, and STARTTLS.
resource "aws_vpc_security_group_egress_rule" "relay" {
  for_each = local.mail_transport == "smtp" ? { for pair in setproduct(["backend", "functions"], [465, 587]) : "${pair[0]} ${pair[1]}" => { caller = pair[0], port = pair[1] } } : {}

  security_group_id = aws_security_group.this[each.value.caller].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "SMTP through NAT"
}
