# Copy this file to terraform/backend.tf. What differs between environments is in environments/<env>.s3.tfbackend.
terraform {
  backend "s3" {
    key          = "whatsapp-channel-processor.tfstate"
    encrypt      = true
    use_lockfile = true # Terraform 1.11 locks in S3 itself; no DynamoDB table
  }
}
