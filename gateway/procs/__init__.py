"""Processes that belong to us: a supervised family of children, and a Redis of our own for demonstrations and tests."""
