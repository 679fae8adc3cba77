"""Money in, by every way there is: what was asked for, what came, what became of it, without ever guessing."""
