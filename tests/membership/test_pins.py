"""H6: a PIN is kept as a slow hash, and whoever guesses it, from however many phones, waits longer and longer."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gateway.kernel.clock import FixedClock
from gateway.membership import pins
from gateway.membership.pins import ALARM_EVERY, PIN_GUESSES, BadPin, Checked, first_pin, matches, read_pin, seal
from gateway.store.attempts import NO_WAIT
from gateway.store.schema import attempt, pin
from gateway.store.unit import Store
from tests.payments.village import ON_SQLITE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOME, NEIGHBOURS = pins.of_household(12), pins.of_household(13)
# None of these can be anybody's: Benin gives out no numbers that begin with 01 00.
MOTHER, SON, STRANGER = "+2290100000101", "+2290100000102", "+2290100000103"
PIN, OTHER = "48151", "9071"
SEALED, OTHER_SEALED = seal(PIN), seal(OTHER)
RIGHT, WRONG = Checked("right"), Checked("wrong")


def check(store: Store, typed: str, phone: str = MOTHER, holder: str = HOME) -> Checked:
    with store.write() as unit:
        return pins.check(unit, holder, phone, typed)


def keep(store: Store, holder: str = HOME, sealed: str = SEALED, first: bool = False) -> None:
    with store.write() as unit:
        pins.keep(unit, holder, sealed, first)


@pytest.fixture
def home(store: Store) -> Store:
    """A store with a household that has a PIN."""
    keep(store)
    return store


# A PIN by itself


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("9071", "9071"), ("48151", "48151"), ("481516", "481516"), (" 9071 ", "9071"), ("0071", "0071"),
        ("٩٠٧١", "9071"), ("९०७१", "9071"), ("９０７１", "9071"), ("1235", "1235"), ("1991", "1991"),
    ],
)  # fmt: skip
def test_pins_that_may_be_chosen(typed: str, read: str) -> None:
    assert read_pin(typed) == read


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "digits"), ("907", "digits"), ("4815162", "digits"), ("90 71", "digits"), ("907a", "digits"),
        ("-9071", "digits"), ("9071*1", "digits"), ("²²³⁴", "digits"), ("x" * 182, "digits"), ("9" * 182, "digits"),
        ("0000", "weak"), ("77777", "weak"), ("999999", "weak"), ("٠٠٠٠", "weak"),
        ("1234", "weak"), ("0123", "weak"), ("56789", "weak"), ("123456", "weak"), ("7890", "weak"),
        ("4321", "weak"), ("9876", "weak"), ("543210", "weak"), ("0987", "weak"),
        ("1212", "weak"), ("2580", "weak"), ("121212", "weak"), ("13579", "weak"),
    ],
)  # fmt: skip
def test_what_may_not_be_chosen(typed: str, reason: str) -> None:
    with pytest.raises(BadPin) as told:
        read_pin(typed)
    assert told.value.args[0] == reason


def test_first_pins_differ_and_none_is_weak() -> None:
    drawn = [first_pin() for _ in range(200)]
    assert {len(one) for one in drawn} == {5}
    assert [read_pin(one) for one in drawn] == drawn
    assert len(set(drawn)) > 190


def test_a_sealed_pin_says_how_it_was_sealed_and_nothing_else() -> None:
    assert SEALED.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(SEALED) <= 120
    assert PIN not in SEALED
    assert seal(PIN) != SEALED  # each has its own salt
    assert matches(SEALED, PIN)
    assert not matches(SEALED, OTHER)


def test_holders_fit_their_column() -> None:
    assert (pins.of_household(12), pins.of_staff(MOTHER)) == ("h:12", "s:+2290100000101")
    assert len(pins.of_household(2**63)) <= 24
    assert len(pins.of_staff("+" + "9" * 15)) <= 24


# Keeping one


def test_who_has_none_is_told_so_and_waits_for_nothing(store: Store) -> None:
    for _ in range(5):
        assert check(store, PIN) == Checked("none")
    with store.read() as connection:
        assert not pins.has_pin(connection, HOME)
        assert connection.scalar(select(func.count()).select_from(attempt)) == 0


def test_a_pin_is_kept_replaced_and_dropped(home: Store) -> None:
    assert (check(home, PIN), check(home, OTHER)) == (RIGHT, WRONG)
    keep(home, sealed=OTHER_SEALED)
    assert (check(home, PIN), check(home, OTHER)) == (WRONG, RIGHT)
    with home.write() as unit:
        assert pins.has_pin(unit.connection, HOME)
        assert pins.drop(unit, HOME)
        assert not pins.drop(unit, HOME)
    assert check(home, OTHER) == Checked("none")


@ON_SQLITE
def test_any_script_s_digits_are_read(home: Store) -> None:
    assert check(home, " ٤٨١٥١") == RIGHT


@ON_SQLITE
def test_the_office_s_pin_is_a_first_one_until_another_is_chosen(home: Store) -> None:
    keep(home, first=True)
    assert check(home, PIN) == Checked("right", first=True)
    assert check(home, OTHER) == WRONG
    keep(home, sealed=OTHER_SEALED)
    assert check(home, OTHER) == RIGHT


@ON_SQLITE
def test_the_table_never_holds_a_pin(home: Store) -> None:
    with home.read() as connection:
        (row,) = connection.execute(select(pin)).all()
    assert PIN not in str(row)


# Guessing


def test_three_are_free_and_then_the_wait_grows(home: Store, clock: FixedClock) -> None:
    assert [check(home, "0000") for _ in range(3)] == [WRONG] * 3
    for wait in (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY, DAY):
        assert check(home, "0000") == Checked("wrong", wait)
        clock.move(wait - timedelta(seconds=20))
        assert check(home, "0000") == Checked("locked", timedelta(seconds=20))
        clock.move(timedelta(seconds=20))
    assert check(home, PIN) == RIGHT


@ON_SQLITE
def test_while_locked_a_right_pin_is_answered_as_a_wrong_one_is(home: Store) -> None:
    for _ in range(4):
        check(home, "0000")
    assert check(home, PIN) == check(home, "0000") == check(home, PIN, SON) == Checked("locked", MINUTE)


@ON_SQLITE
def test_while_locked_nothing_is_compared(home: Store) -> None:
    for _ in range(4):
        check(home, "0000")
    with home.write() as unit:
        unit.connection.execute(update(pin).values(hash="compared, this would raise"))
    assert check(home, PIN) == Checked("locked", MINUTE)


@ON_SQLITE
def test_a_right_pin_forgets_the_wrong_ones(home: Store) -> None:
    for _ in range(5):
        assert [check(home, "0000") for _ in range(3)] == [WRONG] * 3
        assert check(home, PIN) == RIGHT


@ON_SQLITE
def test_what_is_no_pin_at_all_is_a_wrong_one(home: Store) -> None:
    assert [check(home, typed) for typed in ("", "*", "x" * 182)] == [WRONG] * 3
    assert check(home, "?") == Checked("wrong", MINUTE)


def test_guessing_at_one_household_locks_it_for_every_phone_and_no_other_household(home: Store) -> None:
    keep(home, NEIGHBOURS)
    for phone in (MOTHER, SON, STRANGER, STRANGER):
        check(home, "0000", phone)
    assert check(home, PIN, MOTHER) == Checked("locked", MINUTE)
    assert check(home, PIN, MOTHER, NEIGHBOURS) == RIGHT


@ON_SQLITE
def test_guessing_from_one_phone_locks_it_for_every_household(home: Store) -> None:
    keep(home, NEIGHBOURS)
    for holder in (HOME, HOME, NEIGHBOURS, NEIGHBOURS):
        check(home, "0000", STRANGER, holder)
    assert check(home, PIN, STRANGER, HOME) == Checked("locked", MINUTE)
    assert check(home, PIN, MOTHER, HOME) == RIGHT


@ON_SQLITE
def test_one_s_own_pin_between_guesses_at_others_frees_no_phone(home: Store) -> None:
    others = [pins.of_household(number) for number in range(101, 105)]
    for other in others:
        keep(home, other)
    for other in others[:3]:
        assert check(home, "0000", SON, other) == WRONG
        assert check(home, PIN, SON, HOME) == RIGHT
    assert check(home, "0000", SON, others[3]) == Checked("wrong", MINUTE)


@ON_SQLITE
def test_a_new_pin_is_free_of_the_guesses_at_the_old_one(home: Store) -> None:
    for _ in range(4):
        check(home, "0000", SON)
    keep(home, sealed=OTHER_SEALED)
    assert check(home, OTHER, MOTHER) == RIGHT
    assert check(home, OTHER, SON) == Checked("locked", MINUTE)
    with home.write() as unit:
        pins.forgive_phone(unit, SON)
    assert check(home, OTHER, SON) == RIGHT


@pytest.mark.parametrize(
    ("phones", "holders"), [(12, 1), (1, 12)], ids=["at one household", "from one phone at many households"]
)
def test_who_guesses_at_the_same_moment_is_compared_one_by_one(store: Store, phones: int, holders: int) -> None:
    """Twelve calls at once: three guesses are free, the fourth locks, the others are not looked at."""
    for number in range(holders):
        keep(store, pins.of_household(number))
    start = threading.Barrier(12)

    def guess(number: int) -> str:
        start.wait()
        holder = pins.of_household(number % holders)
        return check(store, "0000", f"+22901000003{number % phones:02}", holder).answer

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(guess, range(12)))
    assert sorted(answers) == ["locked"] * 8 + ["wrong"] * 4


def test_two_wrong_ones_at_the_same_moment_both_count(pg_store: Store) -> None:
    keep(pg_store)
    start = threading.Barrier(2)

    def guess(phone: str) -> Checked:
        start.wait()
        return check(pg_store, "0000", phone)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(guess, (MOTHER, SON))) == [WRONG, WRONG]
    assert check(pg_store, "0000", STRANGER) == WRONG
    assert check(pg_store, "0000", STRANGER) == Checked("wrong", MINUTE)


# The attack: all PINs of four digits, as fast as the answers allow, for a week

WEEK = 7 * DAY
# Three and one at once; then after 1, 5 and 15 minutes, 1 and 4 hours; then once a day.
IN_A_WEEK = 15


def compared_in_a_week(store: Store, clock: FixedClock, holders: Sequence[str], phones: Sequence[str]) -> int:
    """How many guesses are compared when every phone tries every holder whenever either may be free again."""
    ends, guesses, compared = clock.now() + WEEK, (f"{n:04}" for n in itertools.cycle(range(10_000))), 0
    while clock.now() < ends:
        waits = []
        for holder, phone in itertools.product(holders, phones):
            answer = check(store, next(guesses), phone, holder)
            while answer == WRONG:
                compared += 1
                answer = check(store, next(guesses), phone, holder)
            compared += answer.answer == "wrong"
            waits.append(answer.wait)
        clock.move(min(waits))
    return compared


@pytest.mark.parametrize(
    ("holders", "phones"), [(1, 100), (100, 1)], ids=["one household, 100 phones", "100 households, one phone"]
)
@ON_SQLITE
def test_of_ten_thousand_pins_fifteen_are_tried_in_a_week(
    store: Store, clock: FixedClock, holders: int, phones: int
) -> None:
    """And one a day afterwards: half of the 10 000 would take 13 years."""
    houses = [pins.of_household(number) for number in range(1, holders + 1)]
    for each in houses:
        keep(store, each)
    compared = compared_in_a_week(store, clock, houses, [f"+2290100001{n:03}" for n in range(phones)])
    assert compared == IN_A_WEEK


@ON_SQLITE
def test_waiting_a_week_between_guesses_is_no_faster(home: Store, clock: FixedClock) -> None:
    assert PIN_GUESSES.forgotten_after == WEEK
    for _ in range(9):
        check(home, "0000")
        clock.move(check(home, "0000").wait)
    clock.move(WEEK + timedelta(seconds=1))
    assert [check(home, "0000").wait for _ in range(4)] == [NO_WAIT, NO_WAIT, NO_WAIT, MINUTE]


# The alarm


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_wrong_pins_in_great_number_are_told_loudly_and_without_a_number(
    store: Store, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred households, two guesses at each, each from a phone of its own: nobody is locked."""

    def guess(number: int) -> Checked:
        holder = pins.of_household(number // 2)
        keep(store, holder)
        # What is no PIN is wrong without being hashed, which is quick.
        return check(store, "x", f"+2290100001{number:03}", holder)

    assert {guess(number) for number in range(ALARM_EVERY - 1)} == {WRONG}
    assert warnings(caplog) == []
    guess(ALARM_EVERY)
    assert len(warnings(caplog)) == 1
    assert f"{ALARM_EVERY} WRONG PINS WITHIN AN HOUR" in warnings(caplog)[0]
    assert "+229" not in caplog.text
    for number in range(ALARM_EVERY, 2 * ALARM_EVERY - 1):
        guess(number)
    assert len(warnings(caplog)) == 1
    guess(0)
    assert f"{2 * ALARM_EVERY} WRONG" in warnings(caplog)[1]


@ON_SQLITE
def test_each_hour_is_counted_by_itself(store: Store, clock: FixedClock, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(2 * ALARM_EVERY):
        keep(store, pins.of_household(number))
        check(store, "x", f"+2290100001{number:03}", pins.of_household(number))
        clock.move(timedelta(seconds=40))  # ninety in an hour
    assert warnings(caplog) == []
    clock.move(DAY)
    for number in range(ALARM_EVERY - 1):
        check(store, "x", f"+2290100002{number:03}", pins.of_household(number))
    assert warnings(caplog) == []
