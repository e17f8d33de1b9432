output "zone_id" {
  description = "The zone."
  value       = local.zone_id
}

output "name_servers" {
  description = "What the parent of a new zone must delegate to; empty with an existing zone."
  value       = var.zone_id == null ? aws_route53_zone.this[0].name_servers : []
}

output "certificate_arn" {
  description = "The certificate, known once it is valid."
  value       = aws_acm_certificate_validation.this.certificate_arn
}
