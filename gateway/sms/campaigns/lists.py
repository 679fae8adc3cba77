"""A list of numbers, as rows in and letters out: every row is checked first, and all that are wrong are told by row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import update

from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark
from gateway.network.organisations import Tree
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.choosing import SLICE, row_of
from gateway.sms.campaigns.keeping import Draft
from gateway.sms.campaigns.who import Who
from gateway.sms.gsm7 import parts
from gateway.sms.outgoing import in_key
from gateway.sms.templates.placeholders import BadTemplate, braced, fill, placeholders
from gateway.store.if_new import if_new
from gateway.store.schema import campaign, message
from gateway.store.unit import Unit

MOST_PARTS = 4
MOST_ROWS = 200_000
# What a column of phone numbers is called, in plain letters.
PHONE_HEADINGS = frozenset(
    (
        "phone", "phones", "phone number", "telephone", "telephone number", "tel", "no tel", "no telephone", "mobile",
        "mobile number", "cell", "msisdn", "number", "numero", "numero de telephone", "numero telephone", "portable",
        "gsm", "simu", "nambari", "nambari ya simu", "telefone", "terefone", "recipient", "destinataire",
    )
)  # fmt: skip
# A spreadsheet has made a number of it: 2.29E+10 has lost its figures, 22990000001.0 only looks so.
_POWER = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+?\d+")
_FRACTION = re.compile(r"(\d{6,15})[.,]0+")


class BadList(Fault):
    """No list at all: it has no column of numbers, or the text asks for a column that isn't there."""


@dataclass(frozen=True)
class ListRow:
    """A row that may be written to: its number in the file, the phone, and the words."""

    row: int
    msisdn: str
    text: str

    @property
    def parts(self) -> int:
        return parts(self.text)


@dataclass(frozen=True)
class Wrong:
    """A row that nobody can be written to by, and why."""

    row: int
    fault: Fault

    @property
    def why(self) -> str:
        """The same as a line."""
        return str(self.fault)


@dataclass(frozen=True)
class Checked:
    """A whole list: who may be written to, and every row that is wrong."""

    rows: tuple[ListRow, ...]
    wrong: tuple[Wrong, ...]

    @property
    def parts(self) -> int:
        return sum(one.parts for one in self.rows)


def name_of(heading: str) -> str:
    """The placeholder that a column is: ``{montant_du}`` for *Montant dû*."""
    return plain(heading).replace(" ", "_")


def phone_column(headings: Sequence[str], named: str | None = None) -> int | None:
    """Which column holds the phone numbers: the one that is named, else the only one whose heading says so."""
    if named is not None:
        found = [place for place, heading in enumerate(headings) if name_of(heading) == name_of(named)]
    else:
        found = [place for place, heading in enumerate(headings) if plain(heading) in PHONE_HEADINGS]
    return found[0] if len(found) == 1 else None


def check_list(
    headings: Sequence[str],
    rows: Iterable[tuple[int, Sequence[str]]],
    text: str,
    say: Say,
    country: str,
    phones: int,
    also: Mapping[str, object] | None = None,
) -> Checked:
    """Every row (its number in the file and its cells) as a letter, or with what is wrong with it.

    ``also``: what else may stand in the text, where no column has that name. What a cell holds is a text and nothing
    else. Raises :class:`Fault` where the text can't be used with any row.
    """
    asked = _columns_asked(headings, text, dict(also or {}))
    seen: dict[str, int] = {}
    good: list[ListRow] = []
    wrong: list[Wrong] = []
    for count, (number, cells) in enumerate(rows):
        if count >= MOST_ROWS:
            raise BadList(mark("more than {most} rows: divide the list"), most=MOST_ROWS)
        if not any(cell.strip() for cell in cells):
            continue
        try:
            good.append(_letter(number, cells, len(headings), text, say, country, phones, asked, seen))
        except _WrongRow as why:
            wrong.append(Wrong(number, why))
    return Checked(tuple(good), tuple(wrong))


class _WrongRow(Fault):
    """Says what is wrong with a row."""


_Asked = Mapping[str, tuple[int | None, object]]


def _columns_asked(headings: Sequence[str], text: str, also: Mapping[str, object]) -> _Asked:
    """What each placeholder of the text is: a column by its place, or a value that is the same for all."""
    names = [name_of(heading) for heading in headings]
    several = Counter(names)
    asked: dict[str, tuple[int | None, object]] = {}
    for name in placeholders(text):
        column = name_of(name)
        if several[column] > 1:
            raise BadList(mark("two columns are called {name}: rename one"), name=braced([name]))
        if column in names:
            asked[name] = names.index(column), None
        elif also.get(name) is not None:
            asked[name] = None, also[name]
        else:
            there = braced(one for one in dict.fromkeys((*names, *also)) if one.isidentifier())
            raise BadList(mark("there is no column {name}: there are {known}"), name=braced([name]), known=there)
    if not fill(text, Say("en"), dict.fromkeys(asked, "x")):
        raise BadList(mark("the text is empty"))
    return asked


def _letter(
    number: int,
    cells: Sequence[str],
    width: int,
    text: str,
    say: Say,
    country: str,
    phones: int,
    asked: _Asked,
    seen: dict[str, int],
) -> ListRow:
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != width:
        raise _WrongRow(mark("{cells} cells where the headings are {width}"), cells=len(cells), width=width)
    msisdn = _number(cells[phones].strip(), country)
    if msisdn in seen:
        raise _WrongRow(mark("{number} is in row {row} already"), number=mask_number(msisdn), row=seen[msisdn])
    seen[msisdn] = number
    values: dict[str, object] = {}
    for name, (column, value) in asked.items():
        values[name] = cells[column].strip() if column is not None else value
        if values[name] == "":
            raise _WrongRow(mark("{name} is empty"), name=braced([name]))
    try:
        written = fill(text, say, values)
    except BadTemplate as why:
        raise _WrongRow(why.source, **why.values) from None
    if parts(written) > MOST_PARTS:
        raise _WrongRow(mark("the text has {parts} parts, and may have {most}"), parts=parts(written), most=MOST_PARTS)
    return ListRow(number, msisdn, written)


def _number(cell: str, country: str) -> str:
    if not cell:
        raise _WrongRow(mark("no phone number"))
    if _POWER.fullmatch(cell):
        raise _WrongRow(mark("a spreadsheet has shortened the number: write the column as text"))
    whole = _FRACTION.fullmatch(cell)
    try:
        return read_msisdn(whole[1] if whole else cell, country)
    except BadMsisdn:
        raise _WrongRow(
            mark("{number} is not a mobile number of {country}"), number=mask_number(cell[:20]), country=country
        ) from None


# --- keeping ----------------------------------------------------------------------------------------------------------

_NEW = if_new(message, "key")


def keep_list(
    unit: Unit, tree: Tree, organisation_id: int, title: str, text: str, language: str, rows: Sequence[ListRow], by: str
) -> int:
    """A draft with its messages, each in its words, to be started like any other campaign; its number.

    Nothing is sent before. Raises :class:`~gateway.sms.campaigns.keeping.BadCampaign`.
    """
    if not rows:
        raise BadList(mark("nobody is left to write to"))
    place = tree[organisation_id]
    its_id = keeping.create(unit, tree, Draft("list", place.id, title, Who(place.code), {language: text}, by))
    one = keeping.by_id(unit.connection, its_id)
    assert one is not None
    written = [
        row_of(one, unit, f"list:{its_id}:{in_key(each.msisdn)}", None)
        | {
            "msisdn": each.msisdn,
            "language": language,
            "text": each.text,
            "parts": each.parts,
            "slice": at // SLICE,
        }
        for at, each in enumerate(rows)
    ]
    unit.connection.execute(_NEW[unit.connection.dialect.name], written)
    slices = -(-len(rows) // SLICE)
    unit.connection.execute(update(campaign).where(campaign.c.id == its_id).values(slices=slices))
    return its_id
