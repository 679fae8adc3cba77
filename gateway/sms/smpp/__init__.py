"""SMPP 3.4, by the library smpplib: a line to a message centre, what it answers, and what it delivers to us."""
