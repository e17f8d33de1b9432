output "state_bucket" {
  description = "Bucket of the state, for terraform init."
  value       = module.state.name
}

output "artefact_bucket" {
  description = "Bucket of the functions' releases."
  value       = module.artefacts.name
}

output "repositories" {
  description = "Where images are pushed to."
  value       = [for repository in module.repository : repository.url]
}

output "deploy_roles" {
  description = "Role of each environment, for the pipeline."
  value       = { for name, role in module.deploy : name => role.role_arn }
}

output "permissions_boundaries" {
  description = "Boundary of each environment, for the stack's permissions_boundary_arn."
  value       = { for name, role in module.deploy : name => role.boundary_arn }
}

output "policies" {
  description = "Policy documents of every role, for review and tests."
  value       = merge([for name, role in module.deploy : { for document, policy in role.policies : "${name}/${document}" => policy }]...)
}
