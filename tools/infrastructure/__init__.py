"""Terraform, run the same way by people, tests and the demo."""
