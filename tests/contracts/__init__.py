"""Contracts of the ports: one suite each, which the in-memory fake and the real adapter both pass.

A suite is a class; whoever is to pass it inherits from it and gives it a fixture `lab`: the port, and what the tests
need of the world behind it.
"""
