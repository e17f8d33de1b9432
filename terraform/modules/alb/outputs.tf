output "arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "Load balancer as a CloudWatch dimension."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "DNS name of the load balancer."
  value       = aws_lb.this.dns_name
}

output "listener_arn" {
  description = "ARN of the HTTPS listener."
  value       = aws_lb_listener.https.arn
}

output "target_group_arns" {
  description = "Target group of each Fargate service. Known once listener rules use it, because ECS rejects a target group without a load balancer."
  value       = { for service, group in aws_lb_target_group.service : service => group.arn }
  depends_on  = [aws_lb_listener_rule.area, aws_lb_listener.https]
}

output "target_group_arn_suffixes" {
  description = "Target groups as CloudWatch dimensions."
  value       = { for service, group in aws_lb_target_group.service : service => group.arn_suffix }
}

output "names" {
  description = "Names that AWS limits to 32 characters."
  value       = concat([aws_lb.this.name], [for group in aws_lb_target_group.service : group.name])
}

output "rules" {
  description = "Every rule with priority, path patterns, and weighted target groups, for review and tests."
  value = {
    for key, rule in local.rules : key => {
      area     = rule.area
      service  = rule.service
      priority = rule.priority
      patterns = rule.patterns
      weights  = [for target in local.targets["${rule.area}/${rule.service}"] : target.weight]
    }
  }
}

output "pages" {
  description = "Path patterns of services outside the shop's route table, for tests."
  value       = { for service, rule in aws_lb_listener_rule.page : service => flatten([for condition in rule.condition : [for pattern in condition.path_pattern : tolist(pattern.values)]]) }
}

output "forwards" {
  description = "Every forward action that reaches a function, for the module that moves requests between the paths."
  value = merge(
    {
      for key, rule in local.rules : key => {
        rule_arn     = aws_lb_listener_rule.area[key].arn
        listener_arn = null
        service_arn  = aws_lb_target_group.service[rule.service].arn
        function_arn = var.lambda_target_group_arns[rule.area]
        targets      = local.targets["${rule.area}/${rule.service}"]
      } if contains(keys(var.lambda_target_group_arns), rule.area)
    },
    {
      for area, service in { (var.routes.default.area) = var.routes.default.service } : "default" => {
        rule_arn                                       = null
        listener_arn                                   = aws_lb_listener.https.arn
        service_arn                                    = aws_lb_target_group.service[service].arn
        function_arn                                   = var.lambda_target_group_arns[area]
        targets                                        = local.targets["${area}/${service}"]
      } if contains(keys(var.lambda_target_group_arns), area)
    },
  )
}
