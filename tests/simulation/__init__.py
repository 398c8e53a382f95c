"""Simulation: the real pipeline in simulated time, searched for a schedule that breaks the promise.

`kernel` runs tasks in simulated time, `sqs` is the queue, `faults` stands before every port, `scenario` says what is
sent, `invariants` watches, `schedule` puts one run together and `search` looks for a counter-example.
"""
