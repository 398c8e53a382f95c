"""Engines: where the product runs without an AWS account."""
