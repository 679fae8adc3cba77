"""Collections: asking a wallet for money and learning, without ever guessing, what became of it."""
