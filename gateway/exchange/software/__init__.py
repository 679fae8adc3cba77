"""Members and payments exchanged with a mutuelle's management software, both ways, with conflicts shown.

docs/software-exchange.md says every column of the files and what happens in each case.
"""
