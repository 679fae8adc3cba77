"""The kernel's values: money, phone numbers, cards, masks, clocks and ids, as rows and as properties."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.atomic import require_outside, transaction_open
from gateway.kernel.card import BadCard, new_card_number, read_card, show_card
from gateway.kernel.clock import FixedClock, ShiftedClock, SystemClock, day_in
from gateway.kernel.faults import NetworkInsideTransaction
from gateway.kernel.ids import operator_key, ordered_id
from gateway.kernel.masking import mask_name, mask_number, mask_text
from gateway.kernel.money import EXPONENT, MAX_MINOR, BadAmount, Money, read_amount
from gateway.kernel.msisdn import BadMsisdn, country_of, read_caller, read_msisdn, show_national

# --- money ------------------------------------------------------------------------------------------------------------


def test_money_adds_up() -> None:
    assert Money(500, "XOF") + Money(700, "XOF") == Money(1_200, "XOF")
    assert Money(500, "XOF") - Money(700, "XOF") == -Money(200, "XOF") == Money(-200, "XOF")
    assert Money(1, "XOF")
    assert not Money(0, "XOF")
    assert Money(500, "XOF") < Money(501, "XOF")


@pytest.mark.parametrize("operation", [Money.__add__, Money.__sub__])
def test_currencies_are_never_mixed(operation: object) -> None:
    with pytest.raises(BadAmount, match="currencies-mixed"):
        operation(Money(500, "XOF"), Money(500, "XAF"))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("minor", "currency", "reason"),
    [
        (500.0, "XOF", "not-an-integer"), (True, "XOF", "not-an-integer"), ("500", "XOF", "not-an-integer"),
        (Decimal(500), "XOF", "not-an-integer"), (None, "XOF", "not-an-integer"), (500, "xof", "currency"),
        (500, "CFA", "currency"), (500, "", "currency"), (MAX_MINOR + 1, "XOF", "too-large"),
        (-MAX_MINOR - 1, "XOF", "too-large"),
    ],
)  # fmt: skip
def test_what_is_not_money(minor: object, currency: str, reason: str) -> None:
    with pytest.raises(BadAmount, match=reason):
        Money(minor, currency)  # type: ignore[arg-type]


def test_a_sum_that_grows_too_large_is_refused() -> None:
    with pytest.raises(BadAmount, match="too-large"):
        Money(MAX_MINOR, "XOF") + Money(1, "XOF")


@pytest.mark.parametrize(
    ("figure", "currency", "minor"),
    [
        ("1500", "XOF", 1_500), ("1500.00", "XOF", 1_500), (1500, "XOF", 1_500), (Decimal("1500.0"), "XOF", 1_500),
        ("1500.5", "CDF", 150_050), ("0.01", "EUR", 1), ("-20", "XOF", -20), ("0", "XOF", 0),
    ],
)  # fmt: skip
def test_an_operators_figure(figure: str | int | Decimal, currency: str, minor: int) -> None:
    assert Money.from_decimal(figure, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("figure", "currency", "reason"),
    [
        ("1000.50", "XOF", "decimals"), ("0.001", "CDF", "decimals"), ("1e3", "XOF", "not-a-number"),
        ("1E3", "XOF", "not-a-number"), ("NaN", "XOF", "not-a-number"), ("Infinity", "XOF", "not-a-number"),
        ("1 000", "XOF", "not-a-number"), ("1,000", "XOF", "not-a-number"), ("1_000", "XOF", "not-a-number"),
        ("٥٠٠", "XOF", "not-a-number"), ("", "XOF", "not-a-number"), (" 5", "XOF", "not-a-number"),
        ("+5", "XOF", "not-a-number"), ("5.", "XOF", "not-a-number"), (".5", "CDF", "not-a-number"),
        ("0x10", "XOF", "not-a-number"), ("5\n", "XOF", "not-a-number"), ("1" * 14, "XOF", "too-large"),
        ("1" * 400, "XOF", "not-a-number"), ("5", "GBP", "currency"),
    ],
)  # fmt: skip
def test_an_operators_figure_that_is_none(figure: str, currency: str, reason: str) -> None:
    with pytest.raises(BadAmount, match=reason):
        Money.from_decimal(figure, currency)


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(sorted(EXPONENT)))
def test_a_figure_written_out_is_read_back_exactly(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_decimal(f"{money.decimal:f}", currency) == money


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("10000", "XOF", 10_000), ("10 000", "XOF", 10_000), ("10.000", "XOF", 10_000), ("10,000", "XOF", 10_000),
        ("10'000", "XOF", 10_000), ("10’000", "XOF", 10_000), ("1.000.000", "XOF", 1_000_000),
        ("10\u00a0000", "XOF", 10_000), ("10\u202f000", "XOF", 10_000), ("  10  000 ", "XOF", 10_000),
        ("10 000 F", "XOF", 10_000), ("10000F", "XOF", 10_000), ("10000 fcfa", "XOF", 10_000),
        ("10 000 CFA", "XOF", 10_000), ("10 000 xof", "XOF", 10_000), ("5000 FBu", "BIF", 5_000),
        ("5000 FG", "GNF", 5_000), ("5000 FC", "CDF", 500_000), ("$5", "USD", None), ("5 $", "USD", 500),
        ("1000,00", "XOF", 1_000), ("1000.0", "XOF", 1_000), ("1000,50", "CDF", 100_050), ("1.234,5", "CDF", 123_450),
        ("1,234.56", "USD", 123_456), ("007", "XOF", 7), ("٥٠٠٠", "XOF", 5_000), ("५०००", "XOF", 5_000),
        ("５０００", "XOF", 5_000), ("٥ ٠٠٠", "XOF", 5_000), ("1000000000000", "XOF", 10**12),
    ],
)  # fmt: skip
def test_an_amount_as_people_type_it(typed: str, currency: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(BadAmount):
            read_amount(typed, currency)
    else:
        assert read_amount(typed, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("typed", "currency", "reason"),
    [
        ("", "XOF", "empty"), ("   ", "XOF", "empty"), ("F", "XOF", "empty"), ("FCFA", "XOF", "empty"),
        ("0", "XOF", "zero"), ("0,00", "CDF", "zero"), ("000", "XOF", "zero"), ("٠", "XOF", "zero"),
        ("-5", "XOF", "negative"), ("- 5", "XOF", "negative"), ("−5", "XOF", "negative"), ("-1 000", "XOF", "negative"),
        ("1000,50", "XOF", "decimals"), ("1000.5", "BIF", "decimals"),
        ("10k", "XOF", "not-a-number"), ("1e3", "XOF", "not-a-number"), ("10^12", "XOF", "not-a-number"),
        ("1 00", "XOF", "not-a-number"), ("10 0000", "XOF", "not-a-number"), ("1 000 1", "XOF", "not-a-number"),
        ("1,00,000", "XOF", "not-a-number"), ("1..000", "XOF", "not-a-number"), ("5.5.5", "CDF", "not-a-number"),
        ("mille", "XOF", "not-a-number"), ("5000 USD", "XOF", "not-a-number"), ("NaN", "XOF", "not-a-number"),
        ("1_000", "XOF", "not-a-number"), ("0x10", "XOF", "not-a-number"), ("+500", "XOF", "not-a-number"),
        ("😀", "XOF", "not-a-number"), ("10²", "XOF", "not-a-number"), ("½", "XOF", "not-a-number"),
        ("①", "XOF", "not-a-number"), ("1*2", "XOF", "not-a-number"), ("5\x00", "XOF", "not-a-number"),
        ("1" + "0" * 13, "XOF", "too-large"), ("9" * 400, "XOF", "too-large"), ("100000000000", "CDF", "too-large"),
    ],
)  # fmt: skip
def test_an_amount_that_is_in_doubt_is_refused(typed: str, currency: str, reason: str) -> None:
    with pytest.raises(BadAmount) as refused:
        read_amount(typed, currency)
    assert refused.value.args == (reason,)


@given(st.text(max_size=60), st.sampled_from(sorted(EXPONENT)))
def test_whatever_is_typed_is_an_amount_or_a_refusal(typed: str, currency: str) -> None:
    try:
        amount = read_amount(typed, currency)
    except BadAmount:
        return
    assert 0 < amount.minor <= MAX_MINOR
    assert amount.currency == currency


@given(st.integers(1, 10**9), st.sampled_from([" ", ".", ",", "'", "\u00a0", "\u202f"]))
def test_any_amount_with_any_separator_is_read_exactly(units: int, separator: str) -> None:
    assert read_amount(f"{units:,}".replace(",", separator), "XOF") == Money(units, "XOF")


# --- phone numbers ----------------------------------------------------------------------------------------------------

# Every number is the first, or nearly, of its range.
MOBILES = [
    ("+2290150000001", "BJ", "+2290150000001"),
    ("0150000001", "BJ", "+2290150000001"),
    ("01 50 00 00 01", "BJ", "+2290150000001"),
    ("01-50-00-00-01", "BJ", "+2290150000001"),
    ("(01) 50.00.00.01", "BJ", "+2290150000001"),
    ("50000001", "BJ", "+2290150000001"),  # the eight digits of before 30 November 2024
    ("50 00 00 01", "BJ", "+2290150000001"),
    ("+22950000001", "BJ", "+2290150000001"),
    ("0022950000001", "BJ", "+2290150000001"),
    ("22950000001", "BJ", "+2290150000001"),
    ("2290150000001", "BJ", "+2290150000001"),
    ("002290150000001", "BJ", "+2290150000001"),
    ("٠١٥٠٠٠٠٠٠١", "BJ", "+2290150000001"),
    ("+25761000001", "BJ", "+25761000001"),  # a number of elsewhere is a number too
    ("61000001", "BI", "+25761000001"),
    ("0025761000001", "BI", "+25761000001"),
    ("810000001", "CD", "+243810000001"),
    ("0810000001", "CD", "+243810000001"),  # the trunk zero
    ("+2430810000001", "CD", "+243810000001"),
    ("610000001", "GN", "+224610000001"),
    ("0780000001", "RW", "+250780000001"),
    ("650000001", "CM", "+237650000001"),
]


@pytest.mark.parametrize(("typed", "country", "number"), MOBILES)
def test_a_phone_number_as_people_type_it(typed: str, country: str, number: str) -> None:
    assert read_msisdn(typed, country) == number
    assert read_msisdn(number, country) == number


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("", "BJ"), ("*123#", "BJ"), ("1*50000001", "BJ"), ("50000001#", "BJ"), ("abc", "BJ"), ("5000000", "BJ"),
        ("500000011", "BJ"), ("+", "BJ"), ("+229", "BJ"), ("0" * 10, "BJ"), ("1" * 16, "BJ"), ("1" * 200, "BJ"),
        ("21300000", "BJ"),  # a fixed line of old
        ("079123456", "BI"),  # Burundi has no trunk zero
        ("21000001", "CI"),  # eight digits of before 2021: nobody can tell which prefix they got
        ("+33140000000", "BJ"), ("+999123456789", "BJ"), ("++22950000001", "BJ"), ("😀", "BJ"), ("²" * 8, "BJ"),
        ("50000001\x00", "BJ"), ("65000001", "CM"), ("5000 0001 ext 5", "BJ"),
    ],
)  # fmt: skip
def test_what_is_no_mobile_number(typed: str, country: str) -> None:
    with pytest.raises(BadMsisdn):
        read_msisdn(typed, country)


@given(st.text(max_size=50), st.sampled_from(["BJ", "BI", "CD", "GN", "RW"]))
def test_whatever_is_typed_is_a_number_or_a_refusal(typed: str, country: str) -> None:
    try:
        number = read_msisdn(typed, country)
    except BadMsisdn:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{7,14}", number)


@pytest.mark.parametrize(
    ("given_as", "number"),
    [
        ("+2290150000001", "+2290150000001"), ("2290150000001", "+2290150000001"), ("+22950000001", "+2290150000001"),
        (" +25761000001\n", "+25761000001"), ("+46733123450", "+46733123450"), ("+999123456789", "+999123456789"),
    ],
)  # fmt: skip
def test_a_caller_as_an_aggregator_names_them(given_as: str, number: str) -> None:
    assert read_caller(given_as) == number


@pytest.mark.parametrize(
    "given_as", ["", "+", "anonymous", "+0123456789", "123", "+1234567", "1" * 16, "+٢٢٩٠١٥٠٠٠٠٠٠١"]
)
def test_what_is_no_caller(given_as: str) -> None:
    with pytest.raises(BadMsisdn):
        read_caller(given_as)


@pytest.mark.parametrize(
    ("number", "country", "national"),
    [
        ("+2290150000001", "BJ", "01 50 00 00 01"), ("+25761000001", "BI", "61 00 00 01"),
        ("+243810000001", "CD", "0810 000 001"), ("+999123456789", None, "+999123456789"),
        ("nonsense", None, "nonsense"),
    ],
)  # fmt: skip
def test_a_number_in_its_country(number: str, country: str | None, national: str) -> None:
    assert country_of(number) == country
    assert show_national(number) == national


# --- cards ------------------------------------------------------------------------------------------------------------

cards = st.integers(0, 2**32).map(lambda seed: new_card_number(Random(seed).randrange))


@given(cards)
def test_a_drawn_card_is_read_back_however_it_is_written(card: str) -> None:
    assert re.fullmatch(r"[1-5]\d{8}", card)
    for written in (
        card,
        show_card(card),
        f" {card} ",
        "-".join(card),
        card.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
    ):
        assert read_card(written) == card


@given(cards)
def test_every_single_wrong_digit_is_refused(card: str) -> None:
    for place in range(len(card)):
        for digit in "0123456789":
            if digit != card[place]:
                with pytest.raises(BadCard):
                    read_card(card[:place] + digit + card[place + 1 :])


@given(cards)
def test_every_swap_of_neighbours_is_refused(card: str) -> None:
    for place in range(len(card) - 1):
        swapped = card[:place] + card[place + 1] + card[place] + card[place + 2 :]
        if swapped != card:
            with pytest.raises(BadCard):
                read_card(swapped)


@given(cards, st.integers(0, 8))
def test_a_digit_left_out_or_doubled_is_refused(card: str, place: int) -> None:
    for wrong in (card[:place] + card[place + 1 :], card[:place] + card[place] + card[place:]):
        with pytest.raises(BadCard, match="length"):
            read_card(wrong)


@pytest.mark.parametrize("typed", ["", "abc", "12345678", "1234567890", "1 2 3", "50000001", "0150000001", "*123#"])
def test_what_has_no_nine_digits_is_no_card(typed: str) -> None:
    with pytest.raises(BadCard, match="length"):
        read_card(typed)


def test_a_card_is_never_a_mobile_number_of_the_countries_served() -> None:
    random = Random("cards")
    for _ in range(300):
        card = new_card_number(random.randrange)
        # Not Cameroon: Camtel's mobile numbers begin with 242 and 243.
        for country in ("GN", "CD", "RW", "SN", "BI", "BJ", "ML", "BF", "TG", "NE"):
            with pytest.raises(BadMsisdn):
                read_msisdn(card, country)


def test_cards_are_drawn_from_everywhere() -> None:
    drawn = [new_card_number() for _ in range(500)]
    assert len(set(drawn)) == 500
    assert set(Counter(card[0] for card in drawn)) == set("12345")


# --- masking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("paid by +2290150000001", "paid by +229…01"),
        ("paid by 2290150000001.", "paid by 229…01."),
        ("card 208715669 for +25761000001", "card 208…69 for +257…01"),
        ('{"phoneNumber":"+2290150000001","text":""}', '{"phoneNumber":"+229…01","text":""}'),
        ("phoneNumber=%2B2290150000001", "phoneNumber=%2B229…01"),
        ("id 0190a5b8-1234-7890-8abc-123456789012 stays", "id 0190a5b8-1234-7890-8abc-123456789012 stays"),
        ("12500 F on 22/12/2026 at 2026-12-22T09:00:00", "12500 F on 22/12/2026 at 2026-12-22T09:00:00"),
        ("nothing here", "nothing here"),
    ],
)
def test_numbers_in_a_text_are_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@given(st.text(alphabet="abc é,;:()/=\"'", max_size=20), st.from_regex(r"\+?[1-9][0-9]{7,14}", fullmatch=True))
def test_no_number_stays_readable_in_a_sentence(before: str, number: str) -> None:
    masked = mask_text(f"{before} {number} and on")
    assert number not in masked
    assert re.search(r"\d{5}", masked) is None


def test_a_masked_number_tells_its_country_and_two_digits() -> None:
    assert mask_number("+2290150000001") == "+229…01"
    assert mask_number("2290150000001") == "229…01"


@pytest.mark.parametrize(
    ("name", "masked"), [("Aline Ndayizeye", "A. N."), ("Élodie", "É."), ("  Awa   Gado ", "A. G."), ("", "")]
)
def test_a_masked_name_is_its_initials(name: str, masked: str) -> None:
    assert mask_name(name) == masked


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_a_fixed_clock_stands_until_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 11, 22, 9, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.move(timedelta(days=1, hours=1))
    assert clock.now() == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert abs(SystemClock().now().timestamp() - time.time()) < 1


@pytest.mark.parametrize(("written", "days"), [("86400", 1), ("-86400", -1), ("0", 0), ("", 0), ("soon", 0), (None, 0)])
def test_the_demonstrations_clock_is_shifted_by_its_file(tmp_path: Path, written: str | None, days: int) -> None:
    shift = tmp_path / "clock"
    if written is not None:
        shift.write_text(written)
    ahead = ShiftedClock(shift).now() - datetime.now(UTC)
    assert abs(ahead - timedelta(days=days)) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Africa/Porto-Novo", datetime(2026, 11, 22, 22, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
        ("Africa/Porto-Novo", datetime(2026, 11, 22, 23, 0, 0, tzinfo=UTC), date(2026, 11, 23)),
        ("Africa/Bujumbura", datetime(2026, 11, 22, 22, 0, 0, tzinfo=UTC), date(2026, 11, 23)),
        ("Africa/Conakry", datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), date(2026, 11, 22)),
    ],
)
def test_a_day_begins_where_the_mutuelle_is(zone: str, moment: datetime, day: date) -> None:
    assert day_in(zone, moment) == day


# --- ids, and the door to the network ---------------------------------------------------------------------------------


def test_an_ordered_id_is_of_version_7_and_ordered_by_time() -> None:
    before = int(time.time() * 1000)
    made = []
    for _ in range(20):
        made.append(ordered_id())
        time.sleep(0.002)
    after = int(time.time() * 1000)
    assert made == sorted(made)
    assert len(set(made)) == 20
    for one in made:
        assert (one.version, one.variant) == (7, uuid.RFC_4122)
        assert before <= one.int >> 80 <= after


def test_an_operators_key_is_of_version_4() -> None:
    keys = {operator_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(uuid.UUID(key).version == 4 and len(key) == 36 for key in keys)


def test_no_network_call_is_made_inside_a_transaction() -> None:
    outside: list[str] = []

    def elsewhere() -> None:
        require_outside("another thread, which has no transaction open")
        outside.append("called")

    require_outside("the operator")
    with transaction_open():
        with pytest.raises(NetworkInsideTransaction, match="the operator"):
            require_outside("the operator")
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()
        assert outside == ["called"]
    require_outside("the operator")
