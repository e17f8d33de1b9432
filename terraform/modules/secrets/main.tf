# Parameters of a component, encrypted with the customer managed key. Terraform creates them with a placeholder and never reads or writes them again:
# an operator sets the values (aws ssm put-parameter --overwrite), so no secret is in a state, a plan, or a variable.

resource "aws_ssm_parameter" "this" {
  for_each = var.parameters

  name             = "${var.prefix}/${each.key}"
  description      = each.value
  type             = "SecureString"
  key_id           = var.kms_key_id
  value_wo         = "to be set"
  value_wo_version = 1

  # A change of these writes the parameter, and so would replace its value, which Terraform does not know. Change them with
  # aws ssm put-parameter, together with the value.
  lifecycle {
    ignore_changes = [description, key_id, tier, value_wo_version]
  }
}
