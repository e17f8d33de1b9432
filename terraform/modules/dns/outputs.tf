output "zone_id" {
  description = "Id of the zone."
  value       = local.zone_id
}

output "name_servers" {
  description = "Name servers to which the parent of a new zone must delegate; empty with an existing zone."
  value       = var.zone_id == null ? aws_route53_zone.this[0].name_servers : []
}

output "certificate_arn" {
  description = "Certificate. Known once it is valid."
  value       = aws_acm_certificate_validation.this.certificate_arn
}
