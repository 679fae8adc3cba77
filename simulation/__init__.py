"""A mutuelle's days with everything going wrong at once, from a seed: the proof that no franc is lost or invented.

The gateway's own code runs: its database, outbox, workers' handlers, webhooks, ledger and messages. What is played is
the world around it: time, the operator, the aggregator, people, and the machine that fails. A seed decides all of it,
so a run that finds something is run again, step by step, by its seed.
"""
