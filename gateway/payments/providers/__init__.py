"""One file for each mobile-money operator, behind one port (``base.py``) and one contract suite."""
