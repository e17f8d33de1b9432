output "state_bucket" {
  description = "Bucket of the Terraform state, for terraform init."
  value       = module.state.name
}

output "artefact_bucket" {
  description = "Bucket of the functions' releases."
  value       = local.artefact_bucket
}

output "repositories" {
  description = "URLs of the image repositories."
  value       = [for repository in module.repository : repository.url]
}

output "publish_roles" {
  description = "Pipeline role of each environment that builds."
  value       = { for name, role in module.publish : name => role.role_arn }
}

output "deploy_roles" {
  description = "Pipeline role of each environment."
  value       = { for name, role in module.deploy : name => role.role_arn }
}

output "permissions_boundaries" {
  description = "Permissions boundary of each environment, for the stack's permissions_boundary_arn."
  value       = { for name, role in module.deploy : name => role.boundary_arn }
}

output "policies" {
  description = "Policy documents of every role, for review and tests."
  value       = merge([for name, role in merge(module.deploy, module.publish) : { for document, policy in role.policies : "${name}/${document}" => policy }]...)
}
