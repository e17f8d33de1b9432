# The zone, and a certificate that is validated by a record in it.

locals {
  zone_id = var.zone_id == null ? aws_route53_zone.this[0].zone_id : var.zone_id
}

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:DNSSEC needs a key in us-east-1 and a record in the parent zone, which another party may own; see the threat model
  #checkov:skip=CKV2_AWS_39:Query logs are billed per query and contain every visitor's resolver
  count = var.zone_id == null ? 1 : 0

  name    = var.domain_name
  comment = "Environment ${var.name}"
}

# The shop sends no mail from this domain; the record forbids it for everyone.
resource "aws_route53_record" "no_mail" {
  count = var.zone_id == null ? 1 : 0

  zone_id = local.zone_id
  name    = var.domain_name
  type    = "TXT"
  ttl     = 3600
  records = ["v=spf1 -all"]
}

resource "aws_acm_certificate" "this" {
  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# Indexed by the static name, because the validation options are unknown before the certificate exists.
resource "aws_route53_record" "validation" {
  for_each = toset([var.domain_name])

  zone_id         = local.zone_id
  name            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
