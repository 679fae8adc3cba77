"""Everything that knows there is a database: its tables, its transactions, and what leaves it after a commit."""
