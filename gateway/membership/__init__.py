"""Households and who belongs to them, plans and their terms, and cover as a pure function of what was paid."""
