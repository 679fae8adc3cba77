"""What a household agreed to: which text, by which way, on which day; rows are only ever added, the newest counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import NAMES, mark
from gateway.network.organisations import Tree
from gateway.store.schema import consent, consent_text
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

Way = Literal["ussd", "sms", "paper", "office", "import", "api"]
TEXT_LETTERS = 280  # two SMS


class BadConsent(Fault):
    """This text, or this day, can't be taken."""


@dataclass(frozen=True)
class Agreed:
    """By which way a household agrees, and who wrote it down (None: nobody but itself, by its phone)."""

    way: Way
    by: str | None = None


@dataclass(frozen=True)
class Text:
    """What a household of an organisation is told, in one language."""

    id: int
    organisation_id: int
    language: str
    version: int
    text: str


@dataclass(frozen=True)
class Consent:
    """One word of a household: ``given`` or taken back. ``version`` None: no text was in force where it belongs."""

    given: bool
    way: Way
    language: str
    on: date
    at: datetime
    by: str | None
    version: int | None
    text: str | None


def text_for(connection: Connection, tree: Tree, organisation_id: int, language: str) -> Text | None:
    """The text in force: the newest of the nearest organisation that has one in this language."""
    upward = [one.id for one in tree.upward(organisation_id)]
    rows = connection.execute(
        select(
            consent_text.c.id, consent_text.c.organisation_id, consent_text.c.language, consent_text.c.version,
            consent_text.c.text,
        ).where(consent_text.c.organisation_id.in_(upward), consent_text.c.language == language)
    ).all()  # fmt: skip
    best = min(rows, key=lambda row: (upward.index(row.organisation_id), -row.version), default=None)
    return Text(*best) if best is not None else None


def write_text(unit: Unit, organisation_id: int, language: str, text: str, by_name: str) -> int:
    """A new version of what an organisation's households are told; its number. Raises :class:`BadConsent`."""
    text = " ".join(text.split())
    if not text or len(text) > TEXT_LETTERS:
        raise BadConsent(mark("write a text of {most} letters at most"), most=TEXT_LETTERS)
    if language not in NAMES:
        raise BadConsent(mark("this language isn't known"))
    take_turn(unit, f"consent text:{organisation_id}")
    last = select(func.max(consent_text.c.version)).where(
        consent_text.c.organisation_id == organisation_id, consent_text.c.language == language
    )
    version = (unit.connection.scalar(last) or 0) + 1
    unit.connection.execute(
        insert(consent_text).values(
            organisation_id=organisation_id, language=language, version=version, text=text, by_name=by_name,
            written_at=unit.now,
        )
    )  # fmt: skip
    return version


def write_consent(
    unit: Unit,
    tree: Tree,
    household_id: int,
    section_id: int,
    agreed: Agreed,
    language: str | None,
    *,
    given: bool = True,
    on: date | None = None,
) -> None:
    """Write down that a household agreed, or took it back (``given`` False), to the text that is in force now.

    ``on``: the day on a paper, none that lies ahead. Raises :class:`BadConsent`.
    """
    today = day_in(tree[section_id].time_zone, unit.now)
    if on is not None and on > today:
        raise BadConsent(mark("this day lies ahead"))
    spoken = language or tree.books_of(section_id).languages[0]
    text = text_for(unit.connection, tree, section_id, spoken)
    unit.connection.execute(
        insert(consent).values(
            household_id=household_id, given=given, way=agreed.way, text_id=text.id if text is not None else None,
            language=spoken, on=on or today, at=unit.now, by_name=agreed.by,
        )
    )  # fmt: skip


def consents_of(connection: Connection, household_id: int, limit: int = 100) -> list[Consent]:
    """What a household agreed to and took back, the newest first: that one counts."""
    rows = connection.execute(
        select(
            consent.c.given, consent.c.way, consent.c.language, consent.c.on, consent.c.at, consent.c.by_name,
            consent_text.c.version, consent_text.c.text,
        )
        .outerjoin(consent_text, consent_text.c.id == consent.c.text_id)
        .where(consent.c.household_id == household_id)
        .order_by(consent.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [Consent(*row) for row in rows]
