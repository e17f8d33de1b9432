output "identifier" {
  description = "The instance's name."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Host of the database: the name that tokens are signed for and certificates prove."
  value       = aws_db_instance.this.address
}

output "resource_id" {
  description = "Id of the instance in rds-db:connect."
  value       = aws_db_instance.this.resource_id
}

output "database_name" {
  description = "The database."
  value       = aws_db_instance.this.db_name
}

output "master_secret_arn" {
  description = "Secret with the first user's name and password, which RDS makes and rotates."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "admitted_connections" {
  description = "Connections that the shop may share: max_connections without those of privileged roles."
  value       = local.max_connections - local.privileged_connections
}

output "settings" {
  description = "What the instance got, for review and tests."
  value = {
    class       = aws_db_instance.this.instance_class
    multi_az    = aws_db_instance.this.multi_az
    protected   = aws_db_instance.this.deletion_protection
    encrypted   = aws_db_instance.this.storage_encrypted
    public      = aws_db_instance.this.publicly_accessible
    iam         = aws_db_instance.this.iam_database_authentication_enabled
    force_ssl   = one([for parameter in aws_db_parameter_group.this.parameter : parameter.value if parameter.name == "rds.force_ssl"])
    backup_days = aws_db_instance.this.backup_retention_period
  }
}
