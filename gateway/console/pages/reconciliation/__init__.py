"""Operators' statements against our books: dropped, read, matched, settled, and closed by the month."""
