"""Households: found, looked at, registered, changed, merged and split, taken in from files, printed."""
