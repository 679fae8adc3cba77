"""The tree of organisations, from a platform down to a section, and the figures that it reports."""
