"""What the gateway costs, as ratios against a plain baseline in the same run; results are in docs/performance.md."""
