"""RQ's entry points: draining the outbox, and the scheduler that rings for what is due."""
