"""A text to many: who gets it is chosen, each is written to once, and what became of it is known or called unknown."""
