variable "name" {
  description = "Alias of the key, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "deletion_window_days" {
  description = "Days between scheduling the key's deletion and deleting it. Data encrypted with it is then lost."
  type        = number
  default     = 30
  nullable    = false
}
