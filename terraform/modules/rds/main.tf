# PostgreSQL: TLS only, IAM login for the shop, encrypted, backed up, in subnets without a route to the internet.

locals {
  # Memory of each class in GiB. Source: the table of DB instance classes in the RDS user guide.
  memory_gib = {
    "db.t4g.micro"  = 1
    "db.t4g.small"  = 2
    "db.t4g.medium" = 4
    "db.t4g.large"  = 8
    "db.m7g.large"  = 8
    "db.m7g.xlarge" = 16
    "db.r7g.large"  = 16
    "db.r7g.xlarge" = 32
  }
  # By default, RDS uses memory / 9,531,392 bytes, where memory is not known beforehand (that of the class less what the system needs). This sets three
  # quarters of that value, computed with the whole memory, explicitly, so that a plan can check the number.
  max_connections = floor(local.memory_gib[var.instance_class] * pow(1024, 3) * 3 / 4 / 9531392)
  # superuser_reserved_connections and rds.rds_superuser_reserved_connections.
  privileged_connections = 3 + 2
}

resource "aws_db_subnet_group" "this" {
  name       = var.identifier
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.identifier}-"
  family      = "postgres${var.engine_version}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name         = "max_connections"
    value        = tostring(local.max_connections)
    apply_method = "pending-reboot"
  }

  # Logs schema changes, and queries that take longer than the limit.
  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:A standby doubles the price; perf and prod have one, checked by a test
  #checkov:skip=CKV_AWS_293:On where the environment is protected (prod); others must be removable with one command
  identifier     = var.identifier
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  db_name        = var.database_name

  # RDS creates the first user's password and keeps it in Secrets Manager; Terraform never sees it. The shop logs in with IAM.
  username                            = "postgres"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true
  ca_cert_identifier                  = "rds-ca-rsa2048-g1"

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb
  max_allocated_storage = var.max_storage_gb
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  parameter_group_name   = aws_db_parameter_group.this.name

  backup_retention_period    = var.backup_days
  backup_window              = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot      = true
  delete_automated_backups   = !var.protected
  deletion_protection        = var.protected
  skip_final_snapshot        = !var.protected
  final_snapshot_identifier  = var.protected ? "${var.identifier}-last" : null
  auto_minor_version_upgrade = true
  apply_immediately          = false

  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn

  # Otherwise RDS creates the log groups itself, without retention.
  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Each environment chooses its log retention, which costs money
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.identifier}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

################################################################################
# Enhanced monitoring
################################################################################

data "aws_partition" "current" {}

resource "aws_iam_role" "monitoring" {
  name                 = "${var.identifier}-rds-monitoring"
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

################################################################################
# Alarms
################################################################################

locals {
  alarms = {
    cpu         = { metric = "CPUUtilization", operator = "GreaterThanThreshold", threshold = 80, minutes = 10, text = "CPU above 80 %" }
    connections = { metric = "DatabaseConnections", operator = "GreaterThanThreshold", threshold = floor(local.max_connections * 0.85), minutes = 3, text = "85 % of the connections in use" }
    storage     = { metric = "FreeStorageSpace", operator = "LessThanThreshold", threshold = var.storage_gb * pow(1024, 3) / 10, minutes = 5, text = "less than a tenth of the storage is free" }
    memory      = { metric = "FreeableMemory", operator = "LessThanThreshold", threshold = local.memory_gib[var.instance_class] * pow(1024, 3) / 20, minutes = 10, text = "less than a twentieth of the memory is free" }
  }
}

module "alarms" {
  source = "../alarms"

  prefix     = "${var.identifier}-database"
  topic_arns = var.alarm_topic_arns

  alarms = {
    for name, alarm in local.alarms : name => {
      description = "Database ${var.identifier}: ${alarm.text}. Runbook: database ${name}."
      namespace   = "AWS/RDS"
      metric      = alarm.metric
      dimensions  = { DBInstanceIdentifier = aws_db_instance.this.identifier }
      statistic   = "Average"
      minutes     = alarm.minutes
      operator    = alarm.operator
      threshold   = alarm.threshold
      silence     = "missing"
    }
  }
}
