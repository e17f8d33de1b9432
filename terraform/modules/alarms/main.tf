# Alarms of one module, with the settings that all alarms share: one-minute periods, missing data is not breaching unless an alarm differs, notification when an alarm fires and recovers.

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.expression == null ? each.value.namespace : null
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.expression != null || startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = each.value.expression == null && startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.expression == null ? each.value.period_seconds : null
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.bad_minutes
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  treat_missing_data  = each.value.silence
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns

  dynamic "metric_query" {
    for_each = each.value.expression == null ? {} : each.value.metrics
    content {
      id = metric_query.key

      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = each.value.statistic
        period      = each.value.period_seconds
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.value.expression == null ? [] : [each.value.expression]
    content {
      id          = "result"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }
}
