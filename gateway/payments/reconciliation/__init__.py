"""Money that comes without our asking: seen, kept until it is known whose it is, assigned, taken back."""
