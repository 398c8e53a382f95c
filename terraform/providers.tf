# Credentials, and the region where aws_region is null, come from the environment (AWS_PROFILE, AWS_REGION, ...); so does
# an emulator's address (AWS_ENDPOINT_URL).
provider "aws" {
  region              = var.aws_region
  allowed_account_ids = var.aws_account_id == null ? null : [var.aws_account_id]

  default_tags {
    tags = local.tags
  }
}
