"""Whatever the history, what is wrong with a statement is found and nothing else; in any order, and as the slow way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.payments.reconciliation.matching.match import Matched, match
from gateway.payments.reconciliation.matching.passes import FEW, NEAR, Near
from gateway.payments.unasked.incoming import cards_in
from tests.payments.reconciliation.rows import AWA, BIO, NINE, A, B, Some, after, check, found, ids, lines, own


class History:
    """A month that really was, and what is wrong with each side's account of it."""

    def __init__(self, seed: int, payments: int = 300, always_numbered: bool = False) -> None:
        self._always_numbered = always_numbered
        draw = random.Random(seed)
        self.theirs: list[Some] = []
        self.ours: list[Some] = []
        self.unknown: set[str] = set()
        self.missing: set[int] = set()
        self.differing: set[tuple[str, int]] = set()
        self.repeated: list[str] = []
        self.reversed: set[str] = set()
        for number in range(payments):
            self._pay(draw, number)
        draw.shuffle(self.theirs)
        draw.shuffle(self.ours)

    def _pay(self, draw: random.Random, number: int) -> None:
        name, amount = f"X{number}", draw.choice((500, 1000, 1500))
        at = NINE + timedelta(seconds=draw.randrange(30 * 86400))
        line: Some = {"operator_id": name, "at": at, "amount": amount, "payer": draw.choice((AWA, BIO))}
        movement: Some = {"id": number, "operator_id": name, "at": at + timedelta(seconds=draw.randrange(90)),
                          "amount": amount, "our_id": f"K{number}", "card": draw.choice((A, B)),
                          "payer": line["payer"]}  # fmt: skip
        what = draw.choices(("", "unknown", "missing", "amount", "twice", "reversed"), (70, 6, 6, 6, 6, 6))[0]
        if draw.random() < 0.3:
            line["our_id"] = movement["our_id"]
            if what != "missing" and draw.random() < 0.5 and not self._always_numbered:
                movement["operator_id"] = None
        if what == "amount":
            line["amount"] += 100
            self.differing.add((name, number))
        if what != "missing":
            self.theirs.append(line)
        else:
            self.missing.add(number)
        if what != "unknown":
            self.ours.append(movement)
        else:
            self.unknown.add(name)
        if what == "twice":
            self.theirs.append(dict(line))
            self.repeated.append(name)
        if what == "reversed":
            self.theirs.append({"operator_id": f"R{number}", "linked": name, "kind": "reversal",
                                "at": at + timedelta(hours=1), "amount": -amount})  # fmt: skip
            self.ours.append({"source": "reversal", "id": 10_000 + number, "operator_id": name, "amount": -amount,
                              "at": at + timedelta(hours=3)})  # fmt: skip
            self.reversed.add(f"R{number}")


@pytest.mark.parametrize("seed", range(8))
def test_what_is_wrong_with_a_history_is_found_and_nothing_else(seed: int) -> None:
    history = History(seed)
    theirs, ours = lines(*history.theirs), own(*history.ours)
    matched = match(theirs, ours)
    check(theirs, ours, matched)
    number = dict(theirs.select("line", "operator_id").rows())
    assert {number[line] for line in matched.left_lines["line"]} == history.unknown
    assert set(matched.left_ours["id"]) == history.missing
    assert {(number[row[0]], row[3]) for row in matched.differing.rows()} == history.differing
    assert sorted(matched.repeated["operator_id"]) == sorted(history.repeated)
    assert matched.ambiguous.is_empty()
    assert all(number[line].lstrip("XR") == str(its_id % 10_000) for line, _, its_id in found(matched))
    assert history.reversed <= {number[line] for line, _, _ in found(matched)}
    # Its own matches are taken: a second look finds nothing, and says so of each line that an id names.
    second = match(theirs, ours, None, matched.matches)
    assert second.matches.is_empty()
    assert second.again.equals(matched.matches)
    assert second.differing.equals(matched.differing)
    assert second.left_ours.equals(matched.left_ours)


@pytest.mark.parametrize("seed", range(3))
def test_a_statement_in_two_parts_comes_to_the_same(seed: int) -> None:
    """As far as ids go; a number that stands in both parts is, to the second, another statement's."""
    history = History(seed, always_numbered=True)
    theirs, ours = lines(*history.theirs), own(*history.ours)
    matched, half = match(theirs, ours), theirs.height // 2
    first = match(theirs.head(half), ours)
    rest = match(theirs.tail(-half), ours, None, first.matches)
    whole = set(matched.matches.rows())
    assert first.matches.height + rest.matches.height == len(whole)
    assert set(first.matches.rows()) | set(rest.matches.rows()) | set(rest.again.rows()) >= whole
    assert ids(pl.concat([first.left_lines, rest.left_lines])) == ids(matched.left_lines)
    assert ids(pl.concat([first.differing, rest.differing])) == ids(matched.differing)
    assert history.missing <= set(rest.left_ours["id"])


moments = st.sampled_from([0, 1, 9, 10, 11, 12, 300, 360, 361, 700, 4320, 4321]).map(lambda n: after(minutes=n))
drawn = {"at": moments, "amount": st.sampled_from([500, 500, 500, 1000])}


def ids_from(*some: str) -> dict[str, st.SearchStrategy[str | None]]:
    return {
        "operator_id": st.sampled_from([None, None, *(f"X{each}" for each in some)]),
        "our_id": st.sampled_from([None, None, *(f"K{each}" for each in some)]),
    }


a_line = {
    **drawn,
    "kind": st.sampled_from(["payment", "payment", "payment", "other", "sweep"]),
    "reference": st.sampled_from([None, None, A, B, f"{A}/{B}", "190170361", "mars 2026"]),
    "payer": st.sampled_from([None, AWA, BIO, "+22901****0001", "+22901****0002"]),
}
a_movement = {
    **drawn,
    "source": st.sampled_from(["collection", "collection", "incoming", "entry"]),
    "counts": st.sampled_from([True, True, True, False]),
    "card": st.sampled_from([None, A, B]),
    "payer": st.sampled_from([None, AWA, BIO]),
}
some_lines = st.lists(st.fixed_dictionaries({**a_line, **ids_from("1", "2", "3")}), max_size=7)
some_movements = st.lists(st.fixed_dictionaries({**a_movement, **ids_from("1", "2", "3")}), max_size=7)
strange_movements = st.lists(st.fixed_dictionaries({**a_movement, **ids_from("8", "9")}), max_size=7)


@settings(max_examples=30, deadline=None)
@given(some_lines, some_movements, st.randoms(use_true_random=False))
def test_any_few_lines_and_movements(theirs: list[Some], ours: list[Some], draw: random.Random) -> None:
    """Each is told of once, whatever the order of rows; and what is taken isn't matched again."""
    left, right = lines(*theirs), own(*ours)
    matched = match(left, right)
    check(left, right, matched)
    assert same(match(shuffled(left, draw), shuffled(right, draw)), matched)
    again = match(left, right, None, matched.matches)
    assert not set(again.matches.select("source", "id").rows()) & set(matched.matches.select("source", "id").rows())


@settings(max_examples=60, deadline=None)
@given(some_lines, strange_movements)
def test_nearness_finds_what_looking_at_each_pair_finds(theirs: list[Some], ours: list[Some]) -> None:
    left, right = lines(*theirs), own(*ours)
    matched = match(left, right)
    quick = [(line, its_id) for line, how, its_id in found(matched) if how in NEAR]
    assert quick == sorted(slowly(left.join(matched.repeated, on="line", how="anti"), right))


def shuffled(frame: pl.DataFrame, draw: random.Random) -> pl.DataFrame:
    return frame[draw.sample(range(frame.height), frame.height)]


def same(one: Matched, other: Matched) -> bool:
    keys = {"left_lines": ["line"], "repeated": ["line"], "left_ours": ["source", "id"]}
    return all(
        getattr(one, name).sort(keys.get(name, ["line"])).equals(getattr(other, name).sort(keys.get(name, ["line"])))
        for name in one.__dataclass_fields__
    )


def slowly(theirs: pl.DataFrame, ours: pl.DataFrame) -> list[tuple[int, int]]:
    """What the passes by nearness find, each pair looked at."""
    left = [row for row in theirs.iter_rows(named=True) if row["kind"] in ("payment", "other")]
    right = [row for row in ours.iter_rows(named=True) if row["counts"] and row["source"] in ("collection", "incoming")]
    pairs: list[tuple[int, int]] = []
    for near in NEAR.values():
        fit = [(a, b) for a in left for b in right if is_near(a, b, near)]
        few = {a["line"] for a, _ in fit if sum(one["line"] == a["line"] for one, _ in fit) <= FEW}
        fit = [(a, b) for a, b in fit if a["line"] not in few or not rules_out(a, b, near)]
        times = Counter(("line", a["line"]) for a, _ in fit) + Counter(("id", b["id"]) for _, b in fit)
        alone = [(a["line"], b["id"]) for a, b in fit if times["line", a["line"]] == times["id", b["id"]] == 1]
        pairs += alone
        left = [a for a in left if a["line"] not in dict(alone)]
        right = [b for b in right if b["id"] not in dict(alone).values()]
    return pairs


def is_near(line: Some, movement: Some, near: Near) -> bool:
    if line["amount"] != movement["amount"] or abs(line["at"] - movement["at"]) > near.within:
        return False
    if any(line[name] and movement[name] for name in ("operator_id", "our_id")):
        return False
    if near.same == "card":
        return cards_in(line["reference"] or "") == {movement["card"]}
    return near.same is None or bool(line["payer"] and movement["payer"] and alike(line["payer"], movement["payer"]))


def alike(masked: str, whole: str) -> bool:
    return len(masked) == len(whole) and all(a in ("*", b) for a, b in zip(masked, whole, strict=True))


def rules_out(line: Some, movement: Some, near: Near) -> bool:
    rules: dict[str, Callable[[], bool]] = {
        "card": lambda: bool(cards_in(line["reference"] or "")) and movement["card"] is not None
        and cards_in(line["reference"]) != {movement["card"]},
        "tail": lambda: bool(line["payer"] and movement["payer"]) and line["payer"][-4:] != movement["payer"][-4:],
    }  # fmt: skip
    return any(rules[name]() for name in near.not_two)
