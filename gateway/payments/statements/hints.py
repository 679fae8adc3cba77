"""What whoever hands a statement in knows of it: what the file can't say of itself, or what settles a doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.payments.statements.profiles import Mapping

DateOrder = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True)
class Hints:
    """What is known of a statement before it is read.

    ``currency`` (ISO 4217) and ``country`` (ISO alpha-2) are the wallet's: a row in another currency is refused. A
    moment without an offset is read in ``time_zone`` (IANA), unless the format has a zone of its own. ``profile`` says
    how the file is to be read; of ``known`` profiles the first is taken whose headings are all there. ``date_order``
    settles days that could be months. ``only_country`` leaves out the rows of other countries and currencies, which
    pawaPay puts into one file; otherwise they are refused.
    """

    currency: str
    country: str
    time_zone: str
    profile: Mapping | None = None
    date_order: DateOrder | None = None
    only_country: bool = False
    known: tuple[Mapping, ...] = ()
