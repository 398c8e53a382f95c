"""Builds the deployment package: what ships, how it is trimmed, compiled and zipped."""
