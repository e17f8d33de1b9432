variable "name" {
  description = "Name of the cluster and of its namespace, for example shopease-dev."
  type        = string
  nullable    = false
}
