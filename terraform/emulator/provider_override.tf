# Copied into the stack for a run on the emulator; never deployed. Terraform merges a file named *_override.tf into the provider
# of the stack, so its default tags remain.

provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}
