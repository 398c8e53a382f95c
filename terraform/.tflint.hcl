# tflint --init && tflint --recursive --config "$PWD/.tflint.hcl"      (from this folder)

plugin "terraform" {
  enabled = true
  preset  = "recommended"
}

plugin "aws" {
  enabled = true
  version = "0.40.0"
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
}

rule "terraform_documented_variables" {
  enabled = true
}

rule "terraform_documented_outputs" {
  enabled = true
}

rule "terraform_naming_convention" {
  enabled = true
}

# An example must name the provider though only its module uses it: `terraform test` hands mocks to named ones alone.
rule "terraform_unused_required_providers" {
  enabled = false
}
