"""Lines and movements find each other by what names them; what competes is told of and never chosen from."""

from __future__ import annotations

import random
from collections import Counter

import polars as pl
import pytest

from gateway.kernel.card import new_card_number
from gateway.payments.reconciliation.items import MATCHES
from gateway.payments.reconciliation.matching.match import match
from tests.payments.reconciliation.rows import AWA, BIO, A, B, Some, after, check, found, ids, lines, own

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
