"""Samples: what reaches the function from outside, good and bad."""
