output "arn" {
  description = "The load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "The load balancer in CloudWatch's dimensions."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "The load balancer's own name."
  value       = aws_lb.this.dns_name
}

output "listener_arn" {
  description = "The HTTPS listener."
  value       = aws_lb_listener.https.arn
}

output "target_group_arns" {
  description = "Target group of each Fargate service, known once rules lead to it: ECS refuses a group that no load balancer uses."
  value       = { for service, group in aws_lb_target_group.service : service => group.arn }
  depends_on  = [aws_lb_listener_rule.area, aws_lb_listener.https]
}

output "target_group_arn_suffixes" {
  description = "The same in CloudWatch's dimensions."
  value       = { for service, group in aws_lb_target_group.service : service => group.arn_suffix }
}

output "names" {
  description = "Names that AWS limits to 32 characters."
  value       = concat([aws_lb.this.name], [for group in aws_lb_target_group.service : group.name])
}

output "rules" {
  description = "Every rule with priority, patterns and target groups with weights, for review and tests."
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
  description = "Path patterns of services beside the shop, for tests."
  value       = { for service, rule in aws_lb_listener_rule.page : service => flatten([for condition in rule.condition : [for pattern in condition.path_pattern : tolist(pattern.values)]]) }
}
