# Load balancer: TLS, redirect, access logs, and the rules of the route table with weighted target groups.
#
# Each rule distributes its requests over at most three target groups: the Fargate service, the service's canary, and the Lambda function of the
# area. All weights are in one rule, so that one number moves traffic and the plan shows it.

locals {
  # AWS limits names of load balancers and target groups to 32 characters.
  # The end depends on the port, because a group with another port is created before the old one is deleted.
  group_names = { for service in var.services : service => "${trimsuffix(substr("${var.name}-${service}", 0, 29), "-")}-${substr(md5(tostring(var.port)), 0, 2)}" }

  # Name and priority of a rule are derived from area, service, and number, so that a new path moves no other rule. The order of the rules does not
  # matter: no path matches two of them (a test of the shop checks this).
  rules = merge([
    for pair in local.pairs : {
      for number, rule in [for rule in var.routes.rules : rule if "${rule.area}/${rule.service}" == pair] :
      "${rule.area}-${rule.service}-${number + 1}" => merge(rule, {
        priority = 100 * (index(local.areas, rule.area) + 1) + (rule.service == "backend" ? 50 : 0) + number
      })
    }
  ]...)
  pairs     = distinct([for rule in var.routes.rules : "${rule.area}/${rule.service}"])
  all_pairs = distinct(concat(local.pairs, ["${var.routes.default.area}/${var.routes.default.service}"]))

  # Targets of an area: [{ arn, weight }], without groups that do not exist.
  targets = {
    for pair in local.all_pairs :
    pair => concat(
      [{
        arn    = aws_lb_target_group.service[split("/", pair)[1]].arn
        weight = 100 - local.lambda_weight[split("/", pair)[0]] - local.canary_weight[pair]
      }],
      [for service in var.services : { arn = aws_lb_target_group.service[service].arn, weight = local.canary_weight[pair] }
      if service == "${split("/", pair)[1]}-canary"],
      [for area, arn in var.lambda_target_group_arns : { arn = arn, weight = local.lambda_weight[area] } if area == split("/", pair)[0]],
    )
  }
  areas         = sort(distinct(concat([var.routes.default.area], [for rule in var.routes.rules : rule.area])))
  lambda_weight = { for area in local.areas : area => contains(keys(var.lambda_target_group_arns), area) ? lookup(var.lambda_weights, area, 0) : 0 }
  # A share of what Fargate serves, so that it exists at every weight of the functions.
  canary_weight = {
    for pair in local.all_pairs :
    pair => contains(var.services, "${split("/", pair)[1]}-canary") ? ceil((100 - local.lambda_weight[split("/", pair)[0]]) * var.canary_weight / 100) : 0
  }
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:Each environment chooses its web ACL (module waf); prod must have one, and a test checks it
  #checkov:skip=CKV_AWS_150:On where the environment is protected (prod); others must be removable with one command
  #checkov:skip=CKV2_AWS_76:The web ACL of prod has the rule group of known bad inputs, including Log4j; nothing here runs Java
  name                       = trimsuffix(substr(var.name, 0, 32), "-")
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [var.security_group_id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.protected
  # Longer than the checkout timeout, and shorter than the server's keep-alive.
  idle_timeout = 60

  access_logs {
    bucket  = var.log_bucket
    prefix  = var.log_prefix
    enabled = true
  }
}

################################################################################
# Target groups of Fargate; module lambda-service creates those of the functions
################################################################################

resource "aws_lb_target_group" "service" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it, traffic stays in private subnets between security groups
  for_each = var.services

  name        = local.group_names[each.key]
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = var.port
  # ECS deregisters a task before it sends SIGTERM; afterwards the task serves for another SHOPEASE_DRAIN_SECONDS.
  deregistration_delay          = 30
  load_balancing_algorithm_type = "least_outstanding_requests"

  # ECS replaces tasks that fail this check. /healthz uses no store: otherwise a failover of the database, or a load peak, would replace every task.
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

################################################################################
# Listeners and rules
################################################################################

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = local.targets["${var.routes.default.area}/${var.routes.default.service}"]
        content {
          arn    = target_group.value.arn
          weight = target_group.value.weight
        }
      }
    }
  }
}

resource "aws_lb_listener_rule" "area" {
  for_each = local.rules

  listener_arn = aws_lb_listener.https.arn
  priority     = each.value.priority

  condition {
    path_pattern {
      values = each.value.patterns
    }
  }

  action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = local.targets["${each.value.area}/${each.value.service}"]
        content {
          arn    = target_group.value.arn
          weight = target_group.value.weight
        }
      }
    }
  }

  tags = { Name = each.key }
}

# Pages of a service outside the shop's route table. Their priorities are below those of the areas.
resource "aws_lb_listener_rule" "page" {
  for_each = var.pages

  listener_arn = aws_lb_listener.https.arn
  priority     = index(sort(keys(var.pages)), each.key) + 1

  condition {
    path_pattern {
      values = each.value
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service[each.key].arn
  }

  tags = { Name = each.key }
}

################################################################################
# DNS name
################################################################################

resource "aws_route53_record" "alias" {
  for_each = toset(["A"])

  zone_id = var.zone_id
  name    = var.domain_name
  type    = each.key

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
