# terraform test -test-directory=tests/environments -filter=tests/environments/dev.tftest.hcl -var-file=environments/dev.tfvars

mock_provider "aws" {
  source = "./modules/stack/tests/mocks"
}

variables {
  package_path  = "main.tf"
  secret_values = {}
}

run "dev_comes_and_goes" {
  assert {
    condition     = var.environment == "dev" && !output.deletion_protection && var.secret_recovery_days == 0
    error_message = "`make destroy ENV=dev` must work and leave no name taken."
  }
  assert {
    condition     = output.kms_key_arn == null
    error_message = "A development environment costs nothing for its key."
  }
}
