"""Every household of a register checked before anything is written: what is wrong, by row, and who is known already.

What is wrong with one of its rows keeps a whole household out; a warning doesn't. Nothing is corrected and nothing is
guessed. What is told is kept as a text in the code's language with its values, and said in whatever language one reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection, exists, select

from gateway.kernel.card import show_card
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.sounds import sounds_of
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark
from gateway.membership.dues import closed_until
from gateway.membership.importing.headings import age_of, birth_year_of, language_of, relation_of, sex_of
from gateway.membership.importing.reading import Family, Line, RegisterFile
from gateway.membership.people import MOST_PEOPLE, OLDEST_YEARS, BadName, Person, read_name
from gateway.membership.plans import Plan, plans_for
from gateway.membership.several import among
from gateway.network.facilities import same_network
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import beneficiary, household, phone, register_import_row

State = Literal["good", "wrong", "known"]
_AT_ONCE = 500


@dataclass(frozen=True)
class Told:
    """What is wrong, or worth looking at (``warns``), in a row; None: in the household as a whole.

    ``values`` are kept as JSON: a ``day`` is written as ISO 8601 has it.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    row: int | None = None
    warns: bool = False

    def said(self, say: Say) -> str:
        """In the language of ``say``."""
        shown = {name: date.fromisoformat(value) if name == "day" else value for name, value in self.values.items()}
        return say(self.text, **shown)

    def kept(self) -> dict[str, Any]:
        """As it is kept with the household's row."""
        return {"text": self.text, "values": dict(self.values), "row": self.row, "warns": self.warns}


def read_told(kept: Mapping[str, Any]) -> Told:
    """What was kept, as it was told."""
    return Told(kept["text"], kept["values"], kept["row"], kept["warns"])


@dataclass(frozen=True)
class Checked:
    """A household of the file: its first row's number, what would be registered, and what is told about it.

    ``section_id``, ``plan_id`` and ``people`` are whole where it is good. ``known_as``: the household that it is.
    """

    number: int
    state: State
    told: tuple[Told, ...]
    people: tuple[Person, ...] = ()
    section_id: int | None = None
    plan_id: int | None = None
    phones: tuple[str, ...] = ()
    language: str | None = None
    named: str = ""
    reference: str = ""
    lines: tuple[Line, ...] = ()
    known_as: int | None = None

    def kept(self) -> dict[str, Any]:
        """What is kept of it: all that registering needs, and its rows as they were."""
        return {
            "people": [
                {"name": one.name, "sex": one.sex, "birth_year": one.birth_year, "relation": one.relation}
                for one in self.people
            ],
            "section_id": self.section_id,
            "plan_id": self.plan_id,
            "phones": list(self.phones),
            "language": self.language,
            "family": self.named,
            "reference": self.reference,
            "lines": [[one.row, list(one.cells)] for one in self.lines],
        }


_NAMES = {
    "empty": mark("no name"),
    "letters": mark("the name {name} has signs that no name has"),
    "long": mark("the name {name} is longer than 60 letters"),
    "short": mark("the name {name} is too short"),
}


class Checking:
    """Checks the households of one file for one organisation.

    ``roots``: the paths below which whoever imports may register. ``plan_code``: of who has none in the file.
    """

    def __init__(
        self,
        connection: Connection,
        tree: Tree,
        at: Organisation,
        today: date,
        roots: Sequence[str] = ("/",),
        plan_code: str | None = None,
    ) -> None:
        self._connection, self._tree, self._at, self._today = connection, tree, at, today
        self._plan_code = plan_code
        below = tree.sections_under(at.id)
        self._allowed = {one.id: one for one in below if any(one.path.startswith(root) for root in roots)}
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        for one in tree.sections:
            self._by_name[plain(one.name)].add(one.id)
            self._by_name[plain(one.code)].add(one.id)
        self._plans: dict[int, dict[int, Plan]] = {}

    @property
    def plans(self) -> dict[int, Plan]:
        """Every plan that a household was checked for, by id."""
        return {its_id: one for of_section in self._plans.values() for its_id, one in of_section.items()}

    def check(self, file: RegisterFile) -> list[Checked]:
        """All households of a file, in its order."""
        found = [self._family(one) for one in file.families]
        found = list(self._against_each_other(found))
        return self._against_the_registered(found)

    # --- a household by itself ------------------------------------------------------------------------------------

    def _family(self, family: Family) -> Checked:
        told: list[Told] = []
        people = [self._person(line, told) for line in family.lines]
        heads = [place for place, line in enumerate(family.lines) if relation_of(line["relation"]) == "head"]
        if not heads and all(relation_of(line["relation"]) for line in family.lines):
            told.append(Told(mark("nobody is the head of this household"), row=family.lines[0].row))
        for place in heads[1:]:
            told.append(
                Told(
                    mark("a second head: row {row} has one already"),
                    {"row": family.lines[heads[0]].row},
                    family.lines[place].row,
                )
            )
        place = heads[0] if heads else 0
        head = family.lines[place]
        lines = (head, *(one for one in family.lines if one is not head))
        section = self._section(lines, told)
        plan = self._plan(lines, section, told)
        if plan is not None and len(lines) > plan.terms.room:
            told.append(Told(mark("more people than a card of this plan takes: {most}"), {"most": plan.terms.room}))
        elif len(lines) > MOST_PEOPLE:
            told.append(Told(mark("more people than a card takes: {most}"), {"most": MOST_PEOPLE}))
        phones = self._phones(lines, section, told)
        language = self._language(lines, told)
        whole = [one for one in (people[place], *people[:place], *people[place + 1 :]) if one is not None]
        wrong = any(not one.warns for one in told)
        return Checked(
            family.lines[0].row,
            "wrong" if wrong else "good",
            tuple(told),
            tuple(whole) if not wrong else (),
            section.id if section else None,
            plan.id if plan else None,
            tuple(phones),
            language,
            family.named[:40],
            next((one["card"] for one in lines if one["card"]), "")[:40],
            family.lines,
        )

    def _person(self, line: Line, told: list[Told]) -> Person | None:
        before = len(told)
        name = self._name(line, told)
        sex = sex_of(line["sex"])
        if sex is None:
            told.append(
                Told(mark("the sex is F or M, not {said}"), {"said": line["sex"]}, line.row)
                if line["sex"]
                else Told(mark("no sex (F or M)"), row=line.row)
            )
        year = self._birth_year(line, told)
        relation = relation_of(line["relation"])
        if relation is None:
            told.append(
                Told(mark("the relation {said} isn't known"), {"said": line["relation"]}, line.row)
                if line["relation"]
                else Told(mark("no relation to the head"), row=line.row)
            )
        if len(told) > before or name is None or sex is None or year is None or relation is None:
            return None
        return Person(name, sex, year, relation)

    def _name(self, line: Line, told: list[Told]) -> str | None:
        written = f"{line['first_name']} {line['name']}".strip()
        try:
            return read_name(written)
        except BadName as wrong:
            told.append(Told(_NAMES[wrong.args[0]], {"name": written[:70]}, line.row))
            return None

    def _birth_year(self, line: Line, told: list[Told]) -> int | None:
        this_year = self._today.year
        if line["born"]:
            written, year = line["born"], birth_year_of(line["born"])
        elif line["age"]:
            age = age_of(line["age"])
            written, year = line["age"], this_year - age if age is not None else None
        else:
            told.append(Told(mark("no year of birth"), row=line.row))
            return None
        if year is None or not this_year - OLDEST_YEARS <= year <= this_year:
            told.append(
                Told(mark("{said} is no year of birth of somebody alive: write 1991"), {"said": written}, line.row)
            )
            return None
        return year

    def _section(self, lines: Sequence[Line], told: list[Told]) -> Organisation | None:
        written = self._one_of(lines, "section", told)
        if not written:
            if len(self._allowed) == 1:
                return next(iter(self._allowed.values()))
            told.append(Told(mark("no section"), row=lines[0].row))
            return None
        meant = self._by_name.get(plain(written), set())
        allowed = sorted(meant & self._allowed.keys())
        if len(allowed) == 1:
            return self._allowed[allowed[0]]
        text = (
            mark("several sections are called {said}: write its code")
            if allowed
            else mark("the section {said} isn't below {place}")
            if meant
            else mark("no section is called {said}")
        )
        told.append(Told(text, {"said": written, "place": self._at.name}, lines[0].row))
        return None

    def _plan(self, lines: Sequence[Line], section: Organisation | None, told: list[Told]) -> Plan | None:
        written = self._one_of(lines, "plan", told) or self._plan_code
        if section is None:
            return None
        if section.id not in self._plans:
            found = plans_for(self._connection, self._tree, section.id, self._today)
            self._plans[section.id] = {one.id: one for one in found}
        plans = list(self._plans[section.id].values())
        if written:
            plans = [one for one in plans if plain(written) in (plain(one.code), plain(one.name))]
        if len(plans) != 1:
            text = (
                mark("no plan is called {said} in {place}")
                if written
                else mark("which plan? {place} has several")
                if plans
                else mark("no plan is open in {place}")
            )
            told.append(Told(text, {"said": written or "", "place": section.name}, lines[0].row))
            return None
        opens_on = closed_until(plans[0].terms, self._today)
        if opens_on is not None:
            told.append(
                Told(
                    mark("the plan {name} takes newcomers again on {day}"),
                    {"name": plans[0].name, "day": opens_on.isoformat()},
                    lines[0].row,
                )
            )
        return plans[0]

    def _phones(self, lines: Sequence[Line], section: Organisation | None, told: list[Told]) -> list[str]:
        country = (section or self._at).country
        found: dict[str, None] = {}
        for line in lines:
            if not line["phone"]:
                continue
            try:
                found[read_msisdn(line["phone"].removesuffix(".0"), country)] = None
            except BadMsisdn:
                told.append(
                    Told(
                        mark("the phone number {said} is no mobile number of this country ({country})"),
                        {"said": line["phone"][:40], "country": country},
                        line.row,
                    )
                )
        return list(found)

    def _language(self, lines: Sequence[Line], told: list[Told]) -> str | None:
        written = self._one_of(lines, "language", told)
        found = language_of(written) if written else None
        if written and found is None:
            told.append(Told(mark("the language {said} isn't spoken here"), {"said": written}, lines[0].row))
        return found

    def _one_of(self, lines: Sequence[Line], name: str, told: list[Told]) -> str:
        """What the rows of a household say of a thing that it has one of; the head's comes first."""
        said = {plain(one[name]): one for one in reversed(lines) if one[name]}
        if len(said) > 1:
            told.append(
                Told(
                    mark("rows of one household say different things: {one}, {other}"),
                    dict(zip(("one", "other"), (line[name] for line in said.values()), strict=False)),
                    lines[0].row,
                )
            )
        return next((one[name] for one in lines if one[name]), "")

    # --- households against others --------------------------------------------------------------------------------

    def _against_each_other(self, found: Iterable[Checked]) -> Iterator[Checked]:
        """The same head twice in the file, as registering would take them for one."""
        seen: dict[tuple[str, int, str, int | None], int] = {}
        phones: dict[str, int] = {}
        for one in found:
            if one.state == "good":
                head = one.people[0]
                who = plain(head.name), head.birth_year
                keys: list[tuple[str, int, str, int | None]] = [(*who, each, None) for each in one.phones]
                keys = keys or [(*who, "", one.section_id)]
                twin = next((seen[key] for key in keys if key in seen), None)
                if twin is not None:
                    one = _with(one, Told(mark("the same family as in row {row}"), {"row": twin}), state="wrong")
                seen |= {key: one.number for key in keys if key not in seen}
                for each in one.phones:
                    if each in phones and twin is None:
                        told = Told(mark("the household of row {row} has the same phone"), {"row": phones[each]})
                        one = _with(one, _warning(told))
                    phones.setdefault(each, one.number)
            yield one

    def _against_the_registered(self, found: Sequence[Checked]) -> list[Checked]:
        by_phone = self._having(sorted({each for one in found if one.state == "good" for each in one.phones}))
        by_name = self._of_the_name([one for one in found if one.state == "good"])
        return [
            self._known(one, by_phone, by_name.get((one.section_id, one.people[0].birth_year), []))
            if one.state == "good"
            else one
            for one in found
        ]

    def _known(self, one: Checked, by_phone: Mapping[str, list[_Head]], near: Sequence[_Head]) -> Checked:
        head, section_id = one.people[0], one.section_id or 0
        wanted, sounds = plain(head.name), frozenset(sounds_of(head.name))
        for each in (other for number in one.phones for other in by_phone.get(number, [])):
            if plain(each.name) == wanted and each.birth_year == head.birth_year:
                if same_network(self._tree, each.section_id, section_id):
                    return _known_as(one, each)
            else:
                told = Told(mark("the household with card {card} has the same phone"), {"card": show_card(each.card)})
                one = _with(one, _warning(told))
        for each in near:
            if plain(each.name) == wanted and not (each.has_phone and one.phones):
                return _known_as(one, each)
            if plain(each.name) == wanted or frozenset(sounds_of(each.name)) == sounds:
                text = mark("card {card}, {name}, may be the same family: look before you take it in")
                one = _with(one, _warning(Told(text, {"card": show_card(each.card), "name": each.name})))
        return one

    def _having(self, numbers: Sequence[str]) -> dict[str, list[_Head]]:
        """The heads of the households that have these phones, by phone."""
        found: defaultdict[str, list[_Head]] = defaultdict(list)
        wanted = iter(numbers)
        while some := list(islice(wanted, _AT_ONCE)):
            rows = self._connection.execute(
                select(phone.c.msisdn, *_HEAD)
                .select_from(_HEADS.join(phone, phone.c.household_id == household.c.id))
                .where(phone.c.msisdn.in_(some), *_STANDING)
                .order_by(household.c.id)
            )
            for row in rows:
                found[row.msisdn].append(_Head(*row[1:], True))
        return found

    def _of_the_name(self, good: Sequence[Checked]) -> dict[tuple[int | None, int], list[_Head]]:
        """Heads that were born in the same year in the same section as one of the file, and sound like one."""
        years: defaultdict[int, set[int]] = defaultdict(set)
        sounds: set[frozenset[str]] = set()
        for one in good:
            years[one.section_id or 0].add(one.people[0].birth_year)
            sounds.add(frozenset(sounds_of(one.people[0].name)))
        found: defaultdict[tuple[int | None, int], list[_Head]] = defaultdict(list)
        has_phone = exists(select(phone.c.msisdn).where(phone.c.household_id == household.c.id))
        for section_id, its_years in years.items():  # a section is some thousand households at most
            rows = self._connection.execute(
                select(*_HEAD, has_phone)
                .select_from(_HEADS)
                .where(household.c.section_id == section_id, beneficiary.c.birth_year.in_(among(its_years)), *_STANDING)
                .order_by(household.c.id)
            )
            for row in rows:
                if frozenset(sounds_of(row.name)) in sounds:
                    found[section_id, row.birth_year].append(_Head(*row))
        return found


@dataclass(frozen=True)
class _Head:
    household_id: int
    card: str
    section_id: int
    name: str
    birth_year: int
    has_phone: bool


_HEAD = household.c.id, household.c.card, household.c.section_id, beneficiary.c.name, beneficiary.c.birth_year
_HEADS = household.join(
    beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head")
)
# What an undone import had registered is nobody's any more.
_STANDING = (
    household.c.merged_into_id.is_(None),
    ~exists(
        select(register_import_row.c.number).where(
            register_import_row.c.household_id == household.c.id, register_import_row.c.state == "undone"
        )
    ),
)


def _known_as(one: Checked, head: _Head) -> Checked:
    told = Told(mark("registered already: card {card}"), {"card": show_card(head.card)})
    return _with(one, _warning(told), state="known", known_as=head.household_id)


def _warning(told: Told) -> Told:
    return Told(told.text, told.values, told.row, warns=True)


def _with(one: Checked, told: Told, **changes: Any) -> Checked:
    return replace(one, told=(*one.told, told), **changes)
