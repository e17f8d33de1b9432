variable "name" {
  description = "Alias of the key, for example shopease-dev."
  type        = string
  nullable    = false
}

variable "deletion_window_days" {
  description = "Days between the order to delete the key and its end; what it encrypted is lost then."
  type        = number
  default     = 30
  nullable    = false
}
