# Copied into the stack next to provider_override.tf where the state is a file.

terraform {
  backend "local" {}
}
