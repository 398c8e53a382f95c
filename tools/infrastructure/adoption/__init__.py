"""From made by hand to Terraform: what is there, what keeps it as it is, and what a plan would do to it."""
