"""Money that comes in: cash, collections, refunds, what is on suspense, what a person must decide, groups, days."""
