"""Texts that a mutuelle says in its own words: what may stand in them, and the longest that they can become."""
