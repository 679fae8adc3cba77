"""The office in a browser: what treasurers, animators, advisers and administrators do, safe and on a slow line."""
