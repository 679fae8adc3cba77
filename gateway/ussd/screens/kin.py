"""What people call those who live with them, and what is wrong with a name: for every screen that adds somebody."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.locale import mark
from gateway.membership.people import BadName
from gateway.ussd.screen import Word, word


@dataclass(frozen=True)
class Kin:
    """What people call somebody, which says both the relation and the sex."""

    name: str
    relation: str
    sex: str


# In the order in which families name them.
KIN = (
    Kin(mark("Wife"), "spouse", "F"),
    Kin(mark("Husband"), "spouse", "M"),
    Kin(mark("Son"), "child", "M"),
    Kin(mark("Daughter"), "child", "F"),
    Kin(mark("Father"), "parent", "M"),
    Kin(mark("Mother"), "parent", "F"),
    Kin(mark("Other man or boy"), "other", "M"),
    Kin(mark("Other woman or girl"), "other", "F"),
)


def bad_name(bad: BadName) -> Word:
    if bad.args[0] == "long":
        return word("This name is too long: 60 letters at most.")
    if bad.args[0] == "letters":
        return word("Use letters only, please.")
    return word("Please write the full name.")
