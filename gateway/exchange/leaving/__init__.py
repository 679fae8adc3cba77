"""A mutuelle leaves with its data: everything that is its own in open files, and a gateway that takes them in."""
