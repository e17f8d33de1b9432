variable "name" {
  description = "Name of the environment, for the zone's comment."
  type        = string
  nullable    = false
}

variable "domain_name" {
  description = "Domain name of the shop, for example shop.example.com."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Existing public zone that contains the domain; null: create a zone, to which its parent must delegate."
  type        = string
  default     = null
}
