"""Other systems are told of what happens: signed, again and again until they have taken it, and never of a name."""
