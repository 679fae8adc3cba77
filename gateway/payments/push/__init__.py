"""Asking wallets for money: whom, how fast, how often, and until there is an answer."""
