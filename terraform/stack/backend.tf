# Partial: envs/<environment>.s3.tfbackend names the key; the bucket is given at init (see terraform/README.md).
terraform {
  backend "s3" {}
}
