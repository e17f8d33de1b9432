variable "name" {
  description = "Prefix of every name, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "cidr_block" {
  description = "Address range of the VPC, at most /20: it is cut into 16 subnets."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.cidr_block, 4, 15)) && tonumber(split("/", var.cidr_block)[1]) <= 20
    error_message = "An IPv4 range of /20 or larger is needed."
  }
}

variable "zone_count" {
  description = "Availability zones to use; a load balancer needs two."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.zone_count >= 2 && var.zone_count <= 4
    error_message = "2 to 4 zones."
  }
}

variable "nat_gateways" {
  description = "NAT gateways: 0 (endpoints only), 1 (one for all zones) or one a zone."
  type        = number
  nullable    = false

  validation {
    condition     = var.nat_gateways >= 0 && floor(var.nat_gateways) == var.nat_gateways
    error_message = "A whole number, not negative."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached by interface endpoints, for example ecr.api, ecr.dkr, logs, ssm, kms."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "flow_log_traffic" {
  description = "What the flow log keeps: ALL, ACCEPT or REJECT."
  type        = string
  default     = "REJECT"
  nullable    = false

  validation {
    condition     = contains(["ALL", "ACCEPT", "REJECT"], var.flow_log_traffic)
    error_message = "ALL, ACCEPT or REJECT."
  }
}

variable "log_retention_days" {
  description = "Days that the flow log is kept."
  type        = number
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the flow log."
  type        = string
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Boundary of the role that writes the flow log."
  type        = string
  default     = null
}
