"""In-memory stand-ins for every port of the core; each passes the contract tests of the adapter it stands for."""
