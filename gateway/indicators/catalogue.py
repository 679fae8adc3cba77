"""Every indicator: its code, what it is called, its formula in words, and what it is divided from.

Growth, loyalty and penetration are M.1, M.2 and M.5 of the guide on monitoring micro-insurance (BIT-STEP/CIDR). The
members of a period are the households that began a membership in the twelve months that end with it: of a year, its own
membership year (*année mutualiste*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.locale import mark

# count: whole; ratio: 0.65 is 65 %; average: people; cost: of one unit of the same currency
Unit = Literal["count", "ratio", "average", "hours", "days", "cost"]
# What a figure's source rows are: which of the readers in gateway.indicators.rows lists them.
Rows = Literal["members", "members_before", "money", "payments", "costs", "complaints", "populations"]


@dataclass(frozen=True)
class Indicator:
    """``numerator`` and ``denominator`` are names of sums, or of what :mod:`figures` makes of them.

    ``by_currency``: it has a figure for each currency. ``source``: where the formula is from.
    """

    code: str
    name: str
    unit: Unit
    formula: str
    numerator: str
    denominator: str = ""
    by_currency: bool = False
    source: str = ""
    rows: Rows = "members"


GUIDE = "BIT-STEP/CIDR"
_PAYMENTS_OF = mark("What members paid in this way in the period, divided by all that they paid.")

_ALL = (
    Indicator("sections", mark("Sections with members"), "count", mark("Sections that have a member household."),
              "sections", source="PAMUSAB"),
    Indicator("households", mark("Member households"), "count",
              mark("Households that began a membership in the twelve months that end with the period."), "households",
              source="PAMUSAB"),
    Indicator("beneficiaries", mark("Beneficiaries"), "count",
              mark("The people for whom the dues of these memberships were counted."), "beneficiaries",
              source="PAMUSAB"),
    Indicator("growth", mark("Growth"), "ratio",
              mark("Members less members a year before, divided by members a year before."), "grown",
              "households_before", source=f"M.1, {GUIDE}", rows="members_before"),
    Indicator("loyalty", mark("Loyalty"), "ratio",
              mark("Members of a year before who are members again, divided by members of a year before."), "renewed",
              "households_before", source=f"M.2, {GUIDE}", rows="members_before"),
    Indicator("penetration", mark("Penetration"), "ratio",
              mark("Beneficiaries divided by the target population, where that is known."), "reached", "population",
              source=f"M.5, {GUIDE}", rows="populations"),
    Indicator("recovery", mark("Recovery of contributions"), "ratio",
              mark("What members paid in the period, less what was taken back, divided by what fell due in it."),
              "received", "due", by_currency=True, rows="money"),
    Indicator("women_heads", mark("Women as heads of household"), "ratio",
              mark("Member households whose head is a woman, divided by member households."), "women_heads",
              "households"),
    Indicator("family_size", mark("Average size of a family"), "average",
              mark("Beneficiaries divided by member households."), "beneficiaries", "households"),
    Indicator("way_push", mark("Paid by phone"), "ratio", _PAYMENTS_OF, "way_push", "ways", by_currency=True,
              rows="payments"),
    Indicator("way_reference", mark("Paid by merchant code"), "ratio", _PAYMENTS_OF, "way_reference", "ways",
              by_currency=True, rows="payments"),
    Indicator("way_cash", mark("Paid in cash"), "ratio", _PAYMENTS_OF, "way_cash", "ways", by_currency=True,
              rows="payments"),
    Indicator("way_group", mark("Paid by a group"), "ratio", _PAYMENTS_OF, "way_group", "ways", by_currency=True,
              rows="payments"),
    Indicator("way_statement", mark("Found in a statement"), "ratio", _PAYMENTS_OF, "way_statement", "ways",
              by_currency=True, rows="payments"),
    Indicator("cost", mark("Cost per franc collected"), "cost",
              mark("Operators' fees and the cost of SMS in this currency, divided by what members paid in it."),
              "costs", "received", by_currency=True, rows="costs"),
    Indicator("pay_to_cover_median", mark("From payment to cover: half within"), "hours",
              mark("Time from a payment by phone or merchant code until it counts for cover, within which half of them "
                   "did. Waiting periods of the plan come on top."), "delay", "delays", rows="payments"),
    Indicator("pay_to_cover_p90", mark("From payment to cover: nine of ten within"), "hours",
              mark("The same, for nine of ten payments."), "delay", "delays", rows="payments"),
    Indicator("complaints_answered", mark("Complaints answered"), "ratio",
              mark("Complaints of the period that were answered by its end, divided by all of the period."), "answered",
              "complaints", rows="complaints"),
    Indicator("complaint_days_median", mark("Complaints: half answered within"), "days",
              mark("Days within which half of the complaints that were answered got their answer."), "answer",
              "answered", rows="complaints"),
)  # fmt: skip

INDICATORS: Mapping[str, Indicator] = {one.code: one for one in _ALL}
