"""Households that look like one family registered twice: found, explained, and decided by a person."""
