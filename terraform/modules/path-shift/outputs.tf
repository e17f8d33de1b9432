output "alarm_names" {
  description = "Alarms of each path."
  value       = local.alarm_names
}

output "state_machine_arn" {
  description = "State machine that moves the requests."
  value       = aws_sfn_state_machine.this.arn
}

output "policies" {
  description = "Policy documents of the module's roles, for review and tests."
  value       = { for name, statements in local.policies : name => jsonencode({ Version = "2012-10-17", Statement = statements }) }
}
