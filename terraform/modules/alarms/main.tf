# Alarms of one module, with the settings that all alarms share: one-minute periods, missing data is not breaching, notification when an alarm fires and recovers.

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.bad_minutes
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  treat_missing_data  = each.value.silence
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns
}
