"""Data that goes to other systems and comes from them, in formats that they know."""
