"""A wallet's days and months: their figures, what lies between the two sides, signatures, and the paper."""
