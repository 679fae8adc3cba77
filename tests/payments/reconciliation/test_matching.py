"""Lines and movements find each other by what names them; what competes is told of and never chosen from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kernel.card import new_card_number
from gateway.payments.reconciliation.items import MATCHES, OURS
from gateway.payments.reconciliation.matching import Matched, match
from gateway.payments.reconciliation.passes import FEW, NEAR, Near
from gateway.payments.statements.lines import LINES
from gateway.payments.unasked.incoming import cards_in

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, B = "190170316", "481986258"
AWA, BIO = "+2290197000001", "+2290166000002"
Some = dict[str, Any]


def lines(*given: Some) -> pl.DataFrame:
    """Lines of a statement, numbered as they come; payments of 500 at nine where nothing else is said."""
    usual = {"at": NINE, "kind": "payment", "amount": 500, "fee": 0}
    return pl.DataFrame([{"line": place + 1, **usual, **one} for place, one in enumerate(given)], schema=LINES)


def own(*given: Some) -> pl.DataFrame:
    """Our movements, by id as they come; collections of 500 paid at nine where nothing else is said."""
    usual = {"source": "collection", "amount": 500, "at": NINE, "counts": True}
    return pl.DataFrame([{**usual, "id": place + 1, **one} for place, one in enumerate(given)], schema=OURS)


def after(**some: float) -> datetime:
    return NINE + timedelta(**some)


def found(matched: Matched) -> list[tuple[int, str, int]]:
    return matched.matches.select("line", "how", "id").rows()


def ids(frame: pl.DataFrame, name: str = "line") -> list[int]:
    return sorted(frame[name].to_list())


# --- each pass --------------------------------------------------------------------------------------------------------

PASSES: dict[str, tuple[list[Some], list[Some], list[tuple[int, str, int]]]] = {
    "its number": ([{"operator_id": "X1"}], [{"operator_id": "X2"}, {"operator_id": "X1"}], [(1, "operator-id", 2)]),
    "its number, long after": ([{"operator_id": "X1", "at": after(days=40)}], [{"operator_id": "X1"}],
                               [(1, "operator-id", 1)]),
    "our key": ([{"operator_id": "X1", "our_id": "K1"}], [{"our_id": "K1"}], [(1, "our-id", 1)]),
    "its number goes before our key": ([{"operator_id": "X1", "our_id": "K1"}, {"operator_id": "X2", "our_id": "K1"}],
                                       [{"operator_id": "X2", "our_id": "K1"}], [(2, "operator-id", 1)]),
    "asked for, not paid, by number": ([{"operator_id": "X1"}], [{"operator_id": "X1", "counts": False}],
                                       [(1, "operator-id", 1)]),
    "asked for, not paid, by key": ([{"our_id": "K1"}], [{"our_id": "K1", "counts": False}], [(1, "our-id", 1)]),
    "asked for, not paid, by nothing else": ([{"payer": AWA, "reference": A}],
                                             [{"payer": AWA, "card": A, "counts": False}], []),
    "what counts goes before what was asked for": ([{"operator_id": "X1"}],
        [{"operator_id": "X1", "counts": False}, {"operator_id": "X1", "source": "incoming"}],
        [(1, "operator-id", 2)]),
    "taken back, by the number of the payment": ([{"kind": "reversal", "amount": -500, "operator_id": "X1"}],
        [{"operator_id": "X1"}, {"source": "reversal", "amount": -500, "operator_id": "X1"}], [(1, "operator-id", 2)]),
    "taken back, by what it is linked to": (
        [{"kind": "reversal", "amount": -500, "operator_id": "R9", "linked": "X1"}],
        [{"source": "returned", "amount": -500, "operator_id": "X1"}], [(1, "operator-id", 1)]),
    "given back": ([{"kind": "refund", "amount": -500, "operator_id": "X1"}],
        [{"source": "reversal", "amount": -500, "operator_id": "X1"},
         {"source": "refund", "amount": -500, "operator_id": "X1"}], [(1, "operator-id", 2)]),
    "a fee that bears the payment's number": (
        [{"kind": "fee", "amount": -5, "operator_id": "X1", "linked": "X1"}, {"operator_id": "X1"}],
        [{"operator_id": "X1"}], [(2, "operator-id", 1)]),
    "a fee names what it is the fee of": ([{"kind": "fee", "amount": -5, "linked": "S1"}],
                                          [{"source": "entry", "amount": -9000, "operator_id": "S1"}], []),
    "a sweep that a rule posted": ([{"kind": "sweep", "amount": -9000, "operator_id": "S1"}],
                                   [{"source": "entry", "amount": -9000, "operator_id": "S1"}],
                                   [(1, "operator-id", 1)]),
    "money in is no money out": ([{"operator_id": "X1", "kind": "other", "amount": -500}], [{"operator_id": "X1"}], []),
    "a payment is no refund": ([{"operator_id": "X1", "amount": -500}],
                               [{"operator_id": "X1", "source": "refund", "amount": -500}], []),
    "an empty number is none": ([{"operator_id": ""}], [{"operator_id": "", "at": after(days=9)}], []),
    "a number beside an empty one": ([{"operator_id": "X1"}], [{"operator_id": ""}], [(1, "time", 1)]),
    "a card, three days later": ([{"reference": f"cotisation {A}"}], [{"card": A, "at": after(days=3)}],
                                 [(1, "reference", 1)]),
    "a card as people write it": ([{"reference": "１９０ 170-316 mars"}], [{"card": A, "at": after(days=2)}],
                                  [(1, "reference", 1)]),
    "a card, four days later": ([{"reference": A}], [{"card": A, "at": after(days=4)}], []),
    "a card and another amount": ([{"reference": A, "amount": 501}], [{"card": A}], []),
    "two cards": ([{"reference": f"{A} {B}"}], [{"card": A}], []),
    "a card whose digits were swapped": ([{"reference": "109170316"}], [{"card": A, "at": after(hours=1)}], []),
    "a card in a longer number": ([{"reference": f"0{A}"}], [{"card": A, "at": after(hours=1)}], []),
    "two households, one minute": ([{"reference": A}, {"reference": B}], [{"card": B}, {"card": A}],
                                   [(1, "reference", 2), (2, "reference", 1)]),
    "a payer within hours": ([{"payer": AWA}, {"payer": BIO}],
                             [{"payer": BIO, "at": after(hours=6)}, {"payer": AWA, "at": after(hours=-6)}],
                             [(1, "payer", 2), (2, "payer", 1)]),
    "a payer seven hours later": ([{"payer": AWA}], [{"payer": AWA, "at": after(hours=7)}], []),
    "a masked payer": ([{"payer": "+22901****0001"}], [{"payer": AWA, "at": after(hours=1)}], [(1, "payer", 1)]),
    "a masked payer, another's figures": ([{"payer": "+22901****0002"}], [{"payer": AWA, "at": after(hours=1)}], []),
    "a mask that says too little": ([{"payer": "+*********0001"}], [{"payer": AWA, "at": after(hours=1)}], []),
    "a payer who pays for another card": ([{"payer": AWA, "reference": B}], [{"payer": AWA, "card": A}], []),
    "minutes": ([{}], [{"at": after(minutes=10)}], [(1, "time", 1)]),
    "eleven minutes": ([{}], [{"at": after(minutes=11)}], []),
    "minutes, another's phone": ([{"payer": AWA}], [{"payer": BIO}], []),
    "minutes, another phone is ruled out": ([{"payer": AWA}], [{"payer": BIO}, {"at": after(minutes=1)}],
                                            [(1, "time", 2)]),
    "minutes, another's card": ([{"reference": A}], [{"card": B}], []),
    "minutes, another number": ([{"operator_id": "X1"}], [{"operator_id": "X2"}], []),
    "minutes, another key": ([{"our_id": "K1"}], [{"our_id": "K2"}], []),
    "minutes, a number that only one knows": ([{}], [{"operator_id": "X2", "our_id": "K2"}], [(1, "time", 1)]),
    "minutes, a line that is named by its place": ([{"operator_id": "S1L1"}], [{"operator_id": "X2"}],
                                                   [(1, "time", 1)]),
    "an entry has no minute": ([{}], [{"source": "entry"}], []),
    "what is left after the numbers": ([{"operator_id": "X1"}, {}], [{"operator_id": "X1"}, {}],
                                       [(1, "operator-id", 1), (2, "time", 2)]),
    "thrice a third, by our key": (
        [{"operator_id": f"X{n}", "our_id": "K1", "amount": 200} for n in range(3)],
        [{"amount": 600, "our_id": "K1"}], [(1, "many-lines", 1), (2, "many-lines", 1), (3, "many-lines", 1)]),
    "thrice a third, one too many": (
        [{"operator_id": f"X{n}", "our_id": "K1", "amount": 200} for n in range(4)],
        [{"amount": 600, "our_id": "K1"}], []),
    "there and back, by our key": ([{"our_id": "K1", "kind": "other", "amount": part} for part in (400, 300, -200)],
                                   [{"our_id": "K1"}], []),
    "what is named twice, though another fits": (
        [{"operator_id": f"X{n}", "our_id": "K1", "payer": payer} for n, payer in enumerate((AWA, BIO))],
        [{"our_id": "K1", "at": after(days=1)}, {"payer": AWA}], []),
    "taken back in two": (
        [{"kind": "reversal", "amount": part, "operator_id": f"R{part}", "linked": "X1"} for part in (-200, -300)],
        [{"source": "reversal", "amount": -500, "operator_id": "X1"}], [(1, "many-lines", 1), (2, "many-lines", 1)]),
    "in two, by the card": ([{"reference": A, "amount": 300, "at": after(days=-1)}, {"reference": A, "amount": 200}],
                            [{"card": A, "at": after(days=1)}], [(1, "many-lines", 1), (2, "many-lines", 1)]),
    "there and back, by the card": (
        [{"reference": A, "kind": "other", "amount": part, "at": after(days=-1)} for part in (700, -200)],
        [{"card": A, "at": after(days=1)}], []),
    "in two, by the card, and one may be of another": (
        [{"reference": A, "amount": 300, "at": after(days=-1)}, {"reference": A, "amount": 200}],
        [{"card": A, "at": after(days=1)}, {"card": A, "amount": 900, "at": after(days=2)}], []),
    "a day in one": ([{"kind": "sweep", "amount": 1200, "at": after(days=1)}],
                     [{}, {"amount": 800, "at": after(hours=3)}, {"source": "reversal", "amount": -100}],
                     [(1, "many-ours", 1), (1, "many-ours", 2), (1, "many-ours", 3)]),
    "a day in one, one payment short": ([{"kind": "sweep", "amount": 500, "at": after(days=1)}],
                                        [{}, {"amount": 800}], []),
    "a day in one, of which one stood alone": ([{"operator_id": "X1"}, {"kind": "sweep", "amount": 1300}],
                                               [{"operator_id": "X1"}, {}, {"amount": 800}],
                                               [(1, "operator-id", 1)]),
    "a person pays what two others paid": ([{"amount": 1300, "payer": AWA}], [{}, {"amount": 800}], []),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSES)
def test_each_pass_and_its_traps(case: str) -> None:
    theirs, ours, expected = PASSES[case]
    matched = match(lines(*theirs), own(*ours))
    assert found(matched) == expected
    assert ids(matched.left_lines) == sorted(set(range(1, len(theirs) + 1)) - {line for line, _, _ in expected})
    check(lines(*theirs), own(*ours), matched)


def check(theirs: pl.DataFrame, ours: pl.DataFrame, matched: Matched) -> None:
    """Every line, and every movement that counts, is told of once; sums are right; nothing bears another's number."""
    told = [matched.again, matched.repeated, matched.differing, matched.left_lines, matched.matches.unique("line")]
    assert sorted(line for frame in told for line in frame["line"]) == ids(theirs)
    named = [each.select("source", "id").unique() for each in (matched.matches, matched.differing, matched.left_ours)]
    movements = Counter(row for frame in named for row in frame.rows())
    assert set(movements.values()) <= {1}
    assert set(ours.filter("counts").select("source", "id").rows()) <= set(movements)
    assert set(ids(matched.ambiguous)) <= set(ids(matched.left_lines))
    pairs = matched.matches.join(theirs, on="line").join(ours, on=("source", "id"), suffix="_ours")
    one_by_one = pairs.filter(~pl.col("how").cast(pl.String).str.starts_with("many"))
    assert one_by_one.filter(pl.col("amount") != pl.col("amount_ours")).is_empty()
    assert one_by_one.filter(pl.col("line").is_duplicated() | pl.struct("source", "id").is_duplicated()).is_empty()
    crossed = pl.col("operator_id") != pl.col("operator_id_ours").replace("", None)
    by_place = pl.col("operator_id").str.starts_with("S")
    assert one_by_one.filter(crossed, ~by_place, pl.col("how").cast(pl.String).is_in(list(NEAR))).is_empty()
    parts = pairs.filter(pl.col("how") == "many-lines").group_by("source", "id")
    assert parts.agg(pl.col("amount").sum(), pl.col("amount_ours").first()).filter(
        pl.col("amount") != pl.col("amount_ours")
    ).is_empty()  # fmt: skip


# --- what differs, stands there twice, or competes --------------------------------------------------------------------


def test_the_same_number_with_another_amount_differs() -> None:
    matched = match(
        lines({"operator_id": "X1", "amount": 400}, {"our_id": "K2", "amount": 700}, {"amount": 400, "payer": AWA}),
        own({"operator_id": "X1"}, {"our_id": "K2", "counts": False}, {"amount": 400, "payer": AWA}),
    )
    assert matched.differing.rows() == [
        (1, "operator-id", "collection", 1, 400, 500),
        (2, "our-id", "collection", 2, 700, 500),
    ]
    assert found(matched) == [(3, "payer", 3)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_of_a_number_that_stands_there_twice_the_earliest_line_is_matched(newest_first: bool) -> None:
    given: list[Some] = [{"operator_id": "X1", "at": after(minutes=n)} for n in range(3)]
    matched = match(lines(*(given[::-1] if newest_first else given)), own({"operator_id": "X1"}))
    assert found(matched) == [(3 if newest_first else 1, "operator-id", 1)]
    assert ids(matched.repeated) == ([1, 2] if newest_first else [2, 3])
    assert matched.left_lines.is_empty()


def test_a_thousandth_of_the_numbers_stands_there_twice() -> None:
    """The first is matched, and the others are for a person (measured in exports of operators)."""
    numbers = [f"X{n}" for n in range(3000)]
    given: list[Some] = [{"operator_id": number} for number in numbers + numbers[::1000]]
    matched = match(lines(*given), own(*({"operator_id": number} for number in numbers)))
    assert (matched.matches.height, ids(matched.repeated)) == (3000, [3001, 3002, 3003])
    assert matched.left_lines.is_empty()
    assert matched.left_ours.is_empty()


AMBIGUOUS: dict[str, tuple[list[Some], list[Some], list[tuple[int, str, int, str]]]] = {
    "two of ours, one number": ([{"operator_id": "X1"}], [{"operator_id": "X1"}] * 2,
                                [(1, "operator-id", 2, "2 of our movements bear its number")]),
    "one key, paid twice": ([{"operator_id": f"X{n}", "our_id": "K1"} for n in range(2)], [{"our_id": "K1"}],
                            [(line, "our-id", 1, "other lines name the same movement") for line in (1, 2)]),
    "one key, paid twice, and not paid as far as we know": (
        [{"operator_id": f"X{n}", "our_id": "K1"} for n in range(2)], [{"our_id": "K1", "counts": False}],
        [(line, "our-id", 1, "other lines name the same movement") for line in (1, 2)]),
    "one key, paid twice, one by its number": (
        [{"operator_id": f"X{n}", "our_id": "K1"} for n in range(3)],
        [{"our_id": "K1", "operator_id": "X2"}, {"our_id": "K1", "operator_id": "X1"}], []),
    "one card, twice": ([{"reference": A}] * 2, [{"card": A, "at": after(days=1)}] * 2,
                        [(line, "reference", 2, "2 movements fit by card, amount and day") for line in (1, 2)]),
    "one phone for thirty households": ([{"payer": AWA}] * 30, [{"payer": AWA, "at": after(hours=1)}] * 30,
        [(line, "payer", 30, "30 movements fit by payer, amount and hour") for line in range(1, 31)]),
    "two households, one minute, no reference": ([{}] * 2, [{"card": A}, {"card": B}],
        [(line, "time", 2, "2 movements fit by amount and minute") for line in (1, 2)]),
    "two lines, one movement": ([{}] * 2, [{}],
                                [(line, "time", 1, "other lines fit the same movement") for line in (1, 2)]),
    "two days of one sum": ([{"kind": "sweep", "amount": 1000, "at": after(days=1)}],
                            [{}, {}, {"at": after(days=1)}, {"at": after(days=1)}],
                            [(1, "many-ours", 2, "the movements of 2 days each add up to it")]),
    "two lines for one day": ([{"kind": "sweep", "amount": 1000}] * 2, [{}, {}],
                              [(line, "many-ours", 1, "other lines add up to the same day") for line in (1, 2)]),
    "what competed, and is settled by a later pass": (
        [{"payer": AWA}, {"payer": AWA, "at": after(hours=2)}],
        [{"payer": AWA, "at": after(minutes=1)}, {"payer": AWA, "at": after(hours=2)}], []),
    "what competed, and lost": ([{"payer": AWA}, {"payer": AWA, "at": after(hours=2)}], [{"payer": AWA}], []),
    "unknown, and another number is missing": ([{"operator_id": "X1", "payer": AWA}],
                                               [{"operator_id": "X2", "payer": AWA}], []),
}  # fmt: skip


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_competes_is_told_of_and_not_matched(case: str) -> None:
    theirs, ours, expected = AMBIGUOUS[case]
    matched = match(lines(*theirs), own(*ours))
    assert matched.ambiguous.rows() == expected
    assert not {line for line, *_ in expected} & set(ids(matched.matches))
    check(lines(*theirs), own(*ours), matched)


def test_one_phone_for_thirty_households_that_it_names() -> None:
    """Credit follows the reference; the one that was mistyped is found by the phone, as nothing else is left."""
    draw = random.Random(7)
    cards = [new_card_number(draw.randrange) for _ in range(30)]
    swapped = cards[0][1] + cards[0][0] + cards[0][2:]
    ours = [{"payer": AWA, "card": card, "at": after(minutes=draw.randrange(60))} for card in cards]
    matched = match(lines(*({"payer": AWA, "reference": text} for text in (swapped, *cards[1:]))), own(*ours))
    assert [(line, its_id) for line, _, its_id in found(matched)] == [(n, n) for n in range(1, 31)]
    assert Counter(matched.matches["how"]) == {"reference": 29, "payer": 1}


# --- what others know -------------------------------------------------------------------------------------------------


def test_details_are_asked_for_what_no_id_matched() -> None:
    asked: list[list[int]] = []

    def details(bare: pl.DataFrame) -> pl.DataFrame:
        asked.append(sorted(bare["id"]))
        return bare.with_columns(card=pl.lit(A)).reverse()

    theirs = lines({"operator_id": "X1"}, {"reference": A})
    ours = own({"operator_id": "X1"}, {"at": after(days=1)}, {"our_id": "K1", "counts": False})
    assert found(match(theirs, ours, details)) == [(1, "operator-id", 1), (2, "reference", 2)]
    assert asked == [[2]]
    match(theirs.head(1), ours, details)
    assert asked == [[2]]


def test_what_another_statement_took_is_not_free() -> None:
    taken = pl.DataFrame([(9, "operator-id", "collection", n) for n in (1, 2, 3)], schema=MATCHES, orient="row")
    theirs = lines(
        {"operator_id": "X1"},  # an export that overlaps
        {"operator_id": "X7", "our_id": "K2"},  # our key, paid again
        {},  # of that minute, and there is none left
        {"operator_id": "X3", "amount": 400},
    )
    ours = own({"operator_id": "X1"}, {"operator_id": "X2", "our_id": "K2"}, {"operator_id": "X3"})
    matched = match(theirs, ours, None, taken)
    assert matched.again.rows() == [(1, "operator-id", "collection", 1)]
    assert matched.differing.select("line", "id").rows() == [(4, 3)]
    assert ids(matched.left_lines) == [2, 3]
    assert matched.matches.is_empty()
    assert matched.left_ours.is_empty()


# --- whatever the history ---------------------------------------------------------------------------------------------


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
