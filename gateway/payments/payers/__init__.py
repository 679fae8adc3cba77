"""Those who pay for many households: their lists, and the share of each."""
