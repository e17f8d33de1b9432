# A private bucket: versioned, encrypted, TLS only, with expiration of old versions.

locals {
  statements = concat(
    [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }],
    [for prefix, service in var.log_writers : {
      Sid       = "LogsOf${replace(title(prefix), "-", "")}"
      Effect    = "Allow"
      Action    = "s3:PutObject"
      Principal = { Service = service }
      Resource  = "${aws_s3_bucket.this.arn}/${prefix}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }],
    length(var.reading_accounts) == 0 ? [] : [{
      Sid       = "ReadFromOtherAccounts"
      Effect    = "Allow"
      Action    = ["s3:GetObject", "s3:GetObjectVersion"]
      Principal = { AWS = [for account in sort(var.reading_accounts) : "arn:${data.aws_partition.current.partition}:iam::${account}:root"] }
      Resource  = "${aws_s3_bucket.this.arn}/*"
    }],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:Logs are read once, artifacts can be built again, and versions keep uploaded pictures: a second region would double the cost
  #checkov:skip=CKV_AWS_145:Public images, logs, and artifacts are encrypted with S3's own key; ALB cannot write access logs with any other
  #checkov:skip=CKV_AWS_18:The buckets of logs and artifacts would log into themselves; reads of assets are in the tasks' own logs
  #checkov:skip=CKV2_AWS_62:Nothing consumes object events
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:The first rule does this; the check does not see blocks next to a dynamic one
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  dynamic "rule" {
    for_each = var.expire_days == null ? [] : [var.expire_days]
    content {
      id     = "expire"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = local.policy

  depends_on = [aws_s3_bucket_public_access_block.this]
}
