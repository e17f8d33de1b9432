output "identifier" {
  description = "Identifier of the instance."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Host name of the database: IAM tokens are signed for it and certificates are verified against it."
  value       = aws_db_instance.this.address
}

output "resource_id" {
  description = "Resource id of the instance in rds-db:connect."
  value       = aws_db_instance.this.resource_id
}

output "database_name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "master_secret_arn" {
  description = "Secret with the first user's name and password, which RDS creates and rotates."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "allowed_connections" {
  description = "Connections available to the shop: max_connections less those reserved for privileged roles."
  value       = local.max_connections - local.privileged_connections
}

output "settings" {
  description = "Settings of the instance, for review and tests."
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
