variable "name" {
  description = "Name of the cluster and its namespace, for example shopease-dev."
  type        = string
  nullable    = false
}
