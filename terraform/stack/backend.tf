# Partial configuration: envs/<environment>.s3.tfbackend sets the key; pass the bucket to init (see terraform/README.md).
terraform {
  backend "s3" {}
}
