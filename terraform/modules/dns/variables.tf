variable "name" {
  description = "Which environment, for the zone's comment."
  type        = string
  nullable    = false
}

variable "domain_name" {
  description = "Where browsers find the shop, for example shop.example.com."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "An existing public zone that holds the domain; null: a zone of its own is made, which its parent must delegate to."
  type        = string
  default     = null
}
