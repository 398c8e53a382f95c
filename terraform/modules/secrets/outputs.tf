output "secret_names" {
  description = "Names of the secrets this module created; each still needs its value."
  value       = sort(keys(aws_secretsmanager_secret.this))
}
