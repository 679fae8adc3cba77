"""The ledger: entries that net to zero, written once; every balance is computed from them."""
