"""Households proposed for other categories: a list, its meeting on paper, what it changes, and its applying."""
