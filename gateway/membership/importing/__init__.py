"""A mutuelle's register from a file: read, checked row by row, looked at, taken in by a worker, and taken out again."""
