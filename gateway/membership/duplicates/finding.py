"""Looks for households that look like one family: of one that was just registered, or of a whole network in steps.

A step takes some households, writes down what they are compared by (``duplicate_key``), compares each with those who
bear the same, and keeps the pairs that come near, all in one transaction with how far it came: whoever is killed goes
on from there. What it holds at once is a step's households and those they are compared with, however large the network.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Integer,
    String,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from gateway.membership.duplicates.likeness import LEAST, Family, Likeness, Somebody, compare, digest, keys, somebody
from gateway.membership.several import among
from gateway.network.organisations import Network, Organisation, Tree
from gateway.store.if_new import if_new
from gateway.store.schema import (
    beneficiary,
    duplicate_event,
    duplicate_key,
    duplicate_pair,
    duplicate_run,
    erasure,
    household,
    phone,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

STEP = 500  # households in one transaction
# What more households have in common says nothing: half a village on the phone of its only shop.
_IN_COMMON = 30
_MOST_WITH = 60  # others that a household is compared with

_NEW_PAIR = if_new(duplicate_pair, "one_id", "other_id")


@dataclass(frozen=True)
class Progress:
    """How far a run has come: households looked at, pairs found, and whether it has come to its end."""

    households: int
    pairs: int
    done: bool


def look_at(unit: Unit, tree: Tree, household_ids: Sequence[int]) -> int:
    """Compare some households with all others that have something in common; how many pairs are new or open again."""
    ours = families(unit.connection, tree, household_ids)
    _write_keys(unit, ours)
    with_whom = _bearing_the_same(unit.connection, ours)
    others = {each for every in with_whom.values() for each in every} - ours.keys()
    known = {**ours, **families(unit.connection, tree, sorted(others))}
    found: dict[tuple[int, int], Likeness] = {}
    for its_id, every in with_whom.items():
        for other_id in every:
            pair = (min(its_id, other_id), max(its_id, other_id))
            if pair not in found and other_id in known and known[its_id].root_id == known[other_id].root_id:
                found[pair] = compare(known[pair[0]], known[pair[1]])
    near = {pair: its for pair, its in found.items() if its.score >= LEAST}
    return _keep(unit, tree, known, near)


def run(store: Store, tree: Tree, below: Organisation, *, anew: bool = False, steps: int | None = None) -> Progress:
    """Look at all households below an organisation, from where the last run stopped; ``steps``: so many at most.

    A run that was finished goes on with those registered since; ``anew`` looks at everybody again.
    """
    every = islice(walking(store, tree, below, anew=anew), steps)
    return deque(every, maxlen=1).pop()


def walking(store: Store, tree: Tree, below: Organisation, *, anew: bool = False) -> Iterator[Progress]:
    """The same, step by step."""
    done = False
    while not done:
        with store.write() as unit:
            progress = _step(unit, tree, below, anew)
        anew, done = False, progress.done
        yield progress


def looking(store: Store, network: Network) -> Iterator[int]:
    """What comes round by itself: in each network those who were registered since the last round; households seen."""
    tree = network.tree()
    for below in tree.by_id.values():
        if len(tree.upward(below.id)) == 1:
            yield from (each.households for each in walking(store, tree, below))


def _step(unit: Unit, tree: Tree, below: Organisation, anew: bool) -> Progress:
    take_turn(unit, f"duplicates:{below.id}")
    state = unit.connection.execute(
        select(duplicate_run).where(duplicate_run.c.organisation_id == below.id)
    ).first()  # fmt: skip
    newest = unit.connection.scalar(select(func.max(household.c.id))) or 0
    begins = {"started_at": unit.now, "finished_at": None, "until_id": newest, "households": 0, "pairs": 0}
    own = duplicate_run.c.organisation_id == below.id
    if state is None:
        unit.connection.execute(insert(duplicate_run).values(organisation_id=below.id, after_id=0, **begins))
    elif anew or state.finished_at is not None:
        after = 0 if anew else state.until_id
        unit.connection.execute(update(duplicate_run).where(own).values(after_id=after, **begins))
    state = unit.connection.execute(select(duplicate_run).where(own)).one()
    asked = (
        select(household.c.id, household.c.section_id, household.c.merged_into_id)
        .where(household.c.id > state.after_id, household.c.id <= state.until_id)
        .order_by(household.c.id)
        .limit(STEP)
    )
    rows = unit.connection.execute(asked).all()
    ids = [row.id for row in rows if row.merged_into_id is None and tree[row.section_id].under(below)]
    pairs = look_at(unit, tree, ids) if ids else 0
    done = len(rows) < STEP
    values: dict[str, Any] = {"households": state.households + len(ids), "pairs": state.pairs + pairs}
    if rows:
        values["after_id"] = rows[-1].id
    if done:
        values["finished_at"] = unit.now
    unit.connection.execute(update(duplicate_run).where(own).values(**values))
    return Progress(values["households"], values["pairs"], done)


# --- reading ----------------------------------------------------------------------------------------------------------


def families(connection: Connection, tree: Tree, ids: Sequence[int]) -> dict[int, Family]:
    """Some households as they are compared, by id; those that were merged into another are left out.

    So are those that were made nameless.
    """
    if not ids:
        return {}
    sections = {
        row.id: row.section_id
        for row in connection.execute(
            select(household.c.id, household.c.section_id).where(
                household.c.id.in_(among(ids)),
                household.c.merged_into_id.is_(None),
                # Those that were made nameless are all called the same.
                ~exists().where(erasure.c.household_id == household.c.id, erasure.c.state == "done"),
            )
        )
    }
    people: defaultdict[int, list[Somebody]] = defaultdict(list)
    rows = connection.execute(
        select(beneficiary.c.household_id, beneficiary.c.name, beneficiary.c.birth_year, beneficiary.c.sex)
        .where(beneficiary.c.household_id.in_(among(ids)), beneficiary.c.left_on.is_(None))
        .order_by(beneficiary.c.household_id, beneficiary.c.relation != "head", beneficiary.c.id)
    )
    for its_id, name, birth_year, sex in rows.all():
        people[its_id].append(somebody(name, birth_year, sex))
    phones: defaultdict[int, set[str]] = defaultdict(set)
    for its_id, msisdn in connection.execute(
        select(phone.c.household_id, phone.c.msisdn).where(phone.c.household_id.in_(among(ids)))
    ):
        phones[its_id].add(msisdn)
    return {
        its_id: Family(
            its_id, section_id, tree.books_of(section_id).id, tree.upward(section_id)[-1].id,
            tuple(people[its_id]), frozenset(phones[its_id]),
        )
        for its_id, section_id in sections.items()
    }  # fmt: skip


def _write_keys(unit: Unit, ours: Mapping[int, Family]) -> None:
    """Write down what households are compared by, where it isn't written down yet; drop what is no longer so."""
    known: defaultdict[int, set[int]] = defaultdict(set)
    rows = unit.connection.execute(
        select(duplicate_key.c.household_id, duplicate_key.c.key).where(duplicate_key.c.household_id.in_(among(ours)))
    )
    for its_id, key in rows:
        known[its_id].add(key)
    new, gone = [], []
    for its_id, each in ours.items():
        own = keys(each)
        new += [(key, its_id) for key in own - known[its_id]]
        gone += [(key, its_id) for key in known[its_id] - own]
    for key, its_id in gone:
        row = (duplicate_key.c.key == key) & (duplicate_key.c.household_id == its_id)
        unit.connection.execute(delete(duplicate_key).where(row))
    if new:
        key_rows, key, its = _listed(unit.connection, sorted(new))
        asked = select(key, its).select_from(key_rows)
        unit.connection.execute(insert(duplicate_key).from_select(["key", "household_id"], asked))


def _listed(connection: Connection, pairs: Iterable[tuple[int, int]]) -> tuple[Any, Any, Any]:
    """Pairs of numbers as rows to select from, and their two columns: one parameter, however many there are."""
    # As texts: a number of 64 bits isn't one in JSON.
    given = literal(json.dumps([[str(one), str(other)] for one, other in pairs]), String)
    if connection.dialect.name == "postgresql":
        rows: Any = func.json_array_elements(cast(given, JSON)).table_valued("value", name="listed")
        return rows, cast(rows.c.value.op("->>")(cast(0, Integer)), BigInteger), cast(
            rows.c.value.op("->>")(cast(1, Integer)), BigInteger
        )  # fmt: skip
    rows = func.json_each(given).table_valued("value", name="listed")
    return (
        rows,
        cast(func.json_extract(rows.c.value, "$[0]"), BigInteger),
        cast(func.json_extract(rows.c.value, "$[1]"), BigInteger),
    )


def _bearing_the_same(connection: Connection, ours: Mapping[int, Family]) -> dict[int, list[int]]:
    """With whom each household has something in common, those with most first; what too many have doesn't count."""
    mine, other = duplicate_key.alias(), duplicate_key.alias()
    rows = connection.execute(
        select(mine.c.household_id, mine.c.key, other.c.household_id)
        .join(other, other.c.key == mine.c.key)
        .where(
            mine.c.household_id.in_(among(ours)),
            _bearers(mine.c.key) <= _IN_COMMON,
            other.c.household_id != mine.c.household_id,
        )
    )
    shared: defaultdict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for its_id, _, other_id in rows:
        shared[its_id][other_id] += 1
    return {
        its_id: sorted(every, key=lambda each: (-every[each], each))[:_MOST_WITH] for its_id, every in shared.items()
    }  # fmt: skip


def _bearers(key: Any) -> Any:
    """How many households have a key, counted up to one more than counts."""
    own = duplicate_key.alias()
    few = select(own.c.household_id).where(own.c.key == key).correlate_except(own).limit(_IN_COMMON + 1).subquery()
    return select(func.count()).select_from(few).scalar_subquery()


# --- keeping ----------------------------------------------------------------------------------------------------------


def _keep(
    unit: Unit, tree: Tree, known: Mapping[int, Family], near: Mapping[tuple[int, int], Likeness]
) -> int:  # fmt: skip
    """Keep pairs; one that a person decided is open again only when either household has changed since."""
    if not near:
        return 0
    own = duplicate_pair.c.one_id.in_(among({one for one, _ in near}))
    before = {(row.one_id, row.other_id): row for row in unit.connection.execute(select(duplicate_pair).where(own))}
    opened = 0
    for pair, its in sorted(near.items()):
        one, other = known[pair[0]], known[pair[1]]
        values = {
            "score": its.score,
            "reasons": [each.kept() for each in its.reasons],
            "digest": digest(one, other),
            "organisation_id": _lowest_above(tree, one.section_id, other.section_id),
        }
        was = before.get(pair)
        if was is None:
            row = {"one_id": pair[0], "other_id": pair[1], "state": "open", "found_at": unit.now, **values}
            opened += unit.connection.scalar(_NEW_PAIR[unit.connection.dialect.name], row) is not None
        elif was.digest != values["digest"]:
            this = duplicate_pair.c.id == was.id
            unit.connection.execute(update(duplicate_pair).where(this).values(state="open", **values))
            if was.state != "open":
                opened += 1
                unit.connection.execute(
                    insert(duplicate_event).values(pair_id=was.id, at=unit.now, what="changed")
                )  # fmt: skip
    return opened


def _lowest_above(tree: Tree, one_id: int, other_id: int) -> int:
    """The lowest organisation of a network that two of its sections are below: of one section, itself."""
    above = {each.id for each in tree.upward(one_id)}
    return next(each.id for each in tree.upward(other_id) if each.id in above)
