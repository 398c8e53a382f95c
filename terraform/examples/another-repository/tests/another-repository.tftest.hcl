# The stack as another repository sees it: for_each, a provider passed in, a package in S3, its own tags.

mock_provider "aws" {
  alias  = "messaging"
  source = "../../modules/stack/tests/mocks"
}

variables {
  package_sha256 = "aGFzaA=="
}

run "two_stacks_stand_side_by_side" {
  assert {
    condition     = [for brand, stack in module.whatsapp : stack.function_name] == ["whatsapp-channel-processor-acme", "whatsapp-channel-processor-globex"]
    error_message = "Each environment has its own names."
  }
  assert {
    condition     = [for brand, stack in module.whatsapp : stack.table_name] == ["acme-conversations", "globex-conversations"]
    error_message = "A name can be given to each."
  }
  assert {
    condition     = module.whatsapp["acme"].secret_names == tolist(["openai-api-key/whatsapp-acme", "whatsapp-credentials/acme/spring-sale/twilio"])
    error_message = "No secret of one is the other's."
  }
}
