# A table of a development environment, which `terraform destroy` may remove.

module "conversations" {
  source = "../.."

  name                = "conversations-dev"
  deletion_protection = false
}

output "table_name" {
  description = "For CONVERSATIONS_TABLE_NAME_DEV."
  value       = module.conversations.table_name
}
