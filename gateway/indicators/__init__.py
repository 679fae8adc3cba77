"""What a network reports of itself, for any tier and period: counted from the registers and the books, never typed in.

``periods``: a year, quarter or month. ``figures``: the values of a place and a period; what they are made of is in
``catalogue`` (codes and formulas), ``counting`` (the sums, by organisation) and ``rows`` (what stands behind a sum).
"""
