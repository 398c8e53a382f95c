# Two brands in one account, from a repository of your own: copy this folder, and let `source` name this one,
# git::https://HOST/ORGANISATION/whatsapp-channel-processor.git//terraform/modules/stack?ref=TAG

provider "aws" {
  alias  = "messaging"
  region = "eu-central-1"

  default_tags {
    tags = { "cost-center" = "42" }
  }
}

locals {
  brands = {
    acme   = { companies = { acme = ["spring-sale"] }, key = "whatsapp-acme" }
    globex = { companies = { globex = ["welcome"] }, key = "whatsapp-globex" }
  }
}

module "whatsapp" {
  source   = "../../modules/stack"
  for_each = local.brands

  providers = {
    aws = aws.messaging
  }

  environment = each.key
  names       = { table = "${each.key}-conversations" }
  tags        = { team = "messaging" }
  companies   = each.value.companies
  openai_keys = [each.value.key]

  package_s3 = {
    bucket = "acme-artifacts"
    key    = "whatsapp_processor_deployment_package.zip"
    sha256 = var.package_sha256
  }

  function = {
    role_path                = "/messaging/"
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/workload-boundary"
    vpc                      = { subnet_ids = ["subnet-0a1b2c3d"], security_group_ids = ["sg-0a1b2c3d"] }
  }

  alerting = {
    subscriptions = { pager = { protocol = "https", endpoint = "https://pager.example/alarms" } }
  }
}

variable "package_sha256" {
  description = "Hash of the package in base64, from the pipeline that put it into the bucket."
  type        = string
}

output "queue_urls" {
  description = "Where the Channel Router sends, by brand."
  value       = { for brand, stack in module.whatsapp : brand => stack.queue_url }
}
