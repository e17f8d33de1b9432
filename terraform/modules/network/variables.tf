variable "name" {
  description = "Prefix of every name, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "cidr_block" {
  description = "Address range of the VPC, /20 or larger: it is divided into 16 subnets."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.cidr_block, 4, 15)) && tonumber(split("/", var.cidr_block)[1]) <= 20
    error_message = "cidr_block must be an IPv4 range of /20 or larger."
  }
}

variable "zone_count" {
  description = "Number of availability zones; a load balancer needs two."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.zone_count >= 2 && var.zone_count <= 4
    error_message = "zone_count must be 2 to 4."
  }
}

variable "nat_gateways" {
  description = "Number of NAT gateways: 0 (endpoints only), 1 (for all zones), or one per zone."
  type        = number
  nullable    = false

  validation {
    condition     = var.nat_gateways >= 0 && floor(var.nat_gateways) == var.nat_gateways
    error_message = "nat_gateways must be a whole number of at least 0."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached through interface endpoints, for example ecr.api, ecr.dkr, logs, ssm, kms."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "flow_log_traffic" {
  description = "Traffic that the flow log records: ALL, ACCEPT, or REJECT."
  type        = string
  default     = "REJECT"
  nullable    = false

  validation {
    condition     = contains(["ALL", "ACCEPT", "REJECT"], var.flow_log_traffic)
    error_message = "flow_log_traffic must be ALL, ACCEPT, or REJECT."
  }
}

variable "log_retention_days" {
  description = "Retention of the flow log, in days."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the flow log."
  type        = string
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role that writes the flow log."
  type        = string
  default     = null
}
