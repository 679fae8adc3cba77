"""The pages about people's own data."""
