# terraform test -test-directory=tests/environments -filter=tests/environments/prod.tftest.hcl -var-file=environments/prod.tfvars

mock_provider "aws" {
  source = "./modules/stack/tests/mocks"
}

variables {
  package_path  = "main.tf"
  secret_values = {}
  companies     = { acme = ["spring-sale"] } # the file leaves them to you
  # What whoever deploys writes into prod.tfvars.
  aws_account_id = "111122223333"
  aws_region     = "eu-central-1"
  queue          = { senders = ["arn:aws:iam::111122223333:role/channel-router"] }

  function_settings = { record_retention_days = 0 }
}

run "prod_is_guarded" {
  assert {
    condition     = var.environment == "prod" && output.deletion_protection
    error_message = "Production must not be destroyed by accident."
  }
  assert {
    condition     = coalesce(var.secret_recovery_days, 30) >= 7
    error_message = "A deleted secret of production must be restorable."
  }
  assert {
    condition     = output.kms_key_arn != null
    error_message = "Production is encrypted with a key of its account."
  }
}
