"""What the gateway costs, as ratios against a plain baseline in the same run; results are in docs/performance.md."""

import gateway  # noqa: F401  # first of all: it says how polars' allocator behaves
