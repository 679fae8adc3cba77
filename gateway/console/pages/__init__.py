"""The office's pages, one file an area: each is a few functions from a visit to an answer, and knows no Flask."""
