"""Stubbed: the function and its adapters on the stubs of the vendors, without sockets."""
