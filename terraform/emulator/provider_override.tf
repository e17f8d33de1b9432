# Copied over the stack for a run on the emulator; nothing of it is in what is deployed. A file named *_override.tf merges into the provider
# of the stack, so its default tags stay.

terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}
