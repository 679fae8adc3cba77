"""Networks to try the gateway with: places and totals come from published reports, every person in them is made up."""
