"""The network: its tree, plans, facilities, operators, and the staff of each place."""
