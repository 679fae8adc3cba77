"""A household, a section or a whole branch goes elsewhere: cover, history and money go along."""
