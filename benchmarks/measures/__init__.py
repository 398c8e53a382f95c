"""Measures: each takes a bench and returns its figures; `steps` says how often it ticks."""
