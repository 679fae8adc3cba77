"""Texts of a mutuelle's own: what is refused, what becomes of the letters, and that what is taken always fits."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, MAX_MINOR, Money
from gateway.locale import HERE, Say
from gateway.membership.rules import Cover, State
from gateway.sms import texts
from gateway.sms.gsm7 import fold, parts
from gateway.sms.templates.checking import check
from gateway.sms.templates.events import (
    EVENTS,
    MOST_UNITS,
    Setting,
    event_named,
    filled,
    not_paid_values,
    receipt_values,
    registered_values,
    treasurer_values,
)
from gateway.sms.templates.placeholders import LONGEST_TEMPLATE, BadTemplate, fill, placeholders, plain

LANGUAGES = ["en", *sorted(file.stem for file in HERE.glob("*.po"))]
HERE_IN_FRENCH = Setting("fr", "Mutuelle de Ouaké", ("XOF",))
RECEIPT = EVENTS["receipt"]
SHORT = "Reçu {number} : {amount}, carte {card}."


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hostile", "why"),
    [
        ("{card.__class__}", "{card.__class__} is no placeholder"),
        ("{card[0]}", "is no placeholder"),
        ("{0}", "{0} is no placeholder"),
        ("{}", "{} is no placeholder"),
        ("{card!r}", "{card} is no placeholder"),
        ("{card:>999999999}", "{card} is no placeholder"),
        ("{card:{amount}}", "{card} is no placeholder"),
        ("{card!}", "a brace stands alone"),
        ("{card", "a brace stands alone"),
        ("card}", "a brace stands alone"),
        ("{{card}", "a brace stands alone"),
        ("{ card }", "is no placeholder"),
        ("{carte}", "{carte} is unknown in receipt: there are {number}, {amount}, {card}, {covered}"),
        ("{name}", "{name} is unknown in receipt"),
        ("｛name｝", "{name} is unknown in receipt"),  # it would have become {name} on its way
        ("ﷺ", "can't say ﷺ"),
        ("Ndèwú 你好", "can't say 你 好"),
        ("x" * LONGEST_TEMPLATE, f"the text is longer than {LONGEST_TEMPLATE} letters"),
    ],
)
def test_a_hostile_text_is_refused_in_one_line(hostile: str, why: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        check(RECEIPT, f"{SHORT} {hostile}", HERE_IN_FRENCH)
    assert why in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("event", "text", "why"),
    [
        ("receipt", "", "receipt must hold {number}"),
        ("receipt", "Merci, carte {card}, {amount}", "receipt must hold {number}"),
        ("receipt", "Merci, carte {card}, {number}", "receipt must hold {amount}"),
        ("receipt", "{number} {amount}", "receipt must hold {card}"),
        ("treasurer", "{number} {card} {head}", "treasurer must hold {amount}"),
        ("registered", "Bienvenue {head}", "registered must hold {card}"),
        ("not_paid", "{amount} {card}", "not_paid must hold {reason}"),
        ("reminder_due", "{mutuelle} {card}", "reminder_due must hold {due} or {left}"),
        ("renewal", "{mutuelle}", "renewal must hold {card}"),
        ("campaign", " \n ", "the text is empty"),
        ("news", "{mutuelle} {card}", "{card} is unknown in news: there are {mutuelle}, {code}"),
    ],
)
def test_what_must_stand_in_a_text_and_what_may(event: str, text: str, why: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        check(EVENTS[event], text, HERE_IN_FRENCH)
    assert str(refused.value).startswith(why)


def test_an_unknown_event_is_named_with_those_there_are() -> None:
    with pytest.raises(Fault, match="there is no event recu: there are receipt, treasurer, registered"):
        event_named("recu")


def test_what_does_not_fit_with_the_longest_data_is_refused_with_that_case() -> None:
    room = "Reçu {number} : {amount}, carte {card}. {covered} {remaining}"
    checked = check(RECEIPT, room, HERE_IN_FRENCH)
    spare = 160 - checked.longest.septets
    assert check(RECEIPT, room + "x" * spare, HERE_IN_FRENCH).longest.septets == 160
    with pytest.raises(BadTemplate, match="with the longest data it has 161 septets and 2 parts, receipt may have 1"):
        check(RECEIPT, room + "x" * (spare + 1), HERE_IN_FRENCH)
    # A union below which other money is dealt in has room for that too.
    with pytest.raises(BadTemplate, match=r"99 999 999.99 FC"):
        check(RECEIPT, room + "x" * spare, Setting("fr", "Union", ("XOF", "CDF")))


def test_a_reminder_may_have_two_parts_and_no_more() -> None:
    text = "{mutuelle} : {due} pour la carte {card}. " + "Merci. " * 20
    assert check(EVENTS["reminder_due"], text, HERE_IN_FRENCH).longest.parts == 2
    with pytest.raises(BadTemplate, match="3 parts, reminder_due may have 2"):
        check(EVENTS["reminder_due"], text + "Merci. " * 20, HERE_IN_FRENCH)


# --- what becomes of the letters --------------------------------------------------------------------------------------


def test_letters_that_would_double_the_cost_are_shown() -> None:
    checked = check(RECEIPT, "Reçu {number} : «{amount}»,\n  carte\u00a0{card} — œuvre 🎉", HERE_IN_FRENCH)
    assert checked.text == 'Recu {number} : "{amount}", carte {card} - oeuvre'
    assert checked.folded == (("ç", "c"), ("«", '"'), ("»", '"'), ("—", "-"), ("œ", "oe"))
    assert checked.left_out == ("🎉",)
    assert checked.example.text == 'Recu 000123-48213 : "12 500 F", carte 123 456 782 - oeuvre'


def test_a_brace_is_doubled_and_costs_two_septets() -> None:
    checked = check(EVENTS["news"], "{{{mutuelle}}}", HERE_IN_FRENCH)
    assert checked.example.text == "{Mutuelle de Ouaké}"
    assert checked.example.septets == len(checked.example.text) + 2


def test_filling_in_reads_no_value_as_a_text() -> None:
    assert fill("{card} {name}", Say("fr"), {"card": "{name}", "name": "{0.__class__}"}) == "{name} {0.__class__}"
    assert fill("{a}{{b}}", Say("fr"), {"a": Money(1_500, "XOF")}) == "1 500 F{b}"
    with pytest.raises(BadTemplate, match=r"{until} stands for nothing here"):
        fill("{until}", Say("fr"), {"until": None})
    with pytest.raises(BadTemplate, match=r"{b} is unknown: there are {a}, {c}"):
        fill("{b}", Say("fr"), {"c": 1, "a": 2})


@given(st.text(max_size=60))
def test_any_text_is_refused_or_read_and_never_breaks(text: str) -> None:
    try:
        names = placeholders(text)
    except BadTemplate:
        return
    written = fill(text, Say("fr"), dict.fromkeys(names, "1"))
    assert written == plain(written)


# --- our own ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_our_own_reminders_are_one_part_with_the_longest_data(event: object, language: str) -> None:
    kind = EVENTS[event.name]  # type: ignore[attr-defined]
    setting = Setting(language, "Mutuelle de Ouaké", ("XOF", "BIF", "CDF"))
    example = kind.in_our_words(setting)
    words = kind.words(language)
    if words is not None:
        checked = check(kind, words, setting)
        assert (checked.longest.parts, checked.left_out) == (1, ())
        assert checked.example.text.startswith("Mutuelle de Ouaké")
    assert example is None or parts(example) == 1
    assert (example is None) == (kind.name in ("campaign", "news"))


def test_our_own_words_in_english() -> None:
    setting = Setting("en", "Mutuelle de Ouaké", ("XOF",))
    assert [EVENTS[name].in_our_words(setting) for name in ("reminder_before", "reminder_after", "renewal")] == [
        "Mutuelle de Ouaké: 3,900 F for card 123 456 782 is due by 31/12/2026. To pay, dial *384*229#. Thank you.",
        "Mutuelle de Ouaké: 3,900 F for card 123 456 782 was due on 31/12/2026. To pay, dial *384*229#. Thank you.",
        "Mutuelle de Ouaké: card 123 456 782 is to be renewed, its term is 31/12/2026. Dial *384*229#. Thank you.",
    ]


def test_every_case_has_a_value_for_every_placeholder() -> None:
    for event in EVENTS.values():
        names = {one.name for one in event.placeholders}
        for values in (event.example(HERE_IN_FRENCH), *event.longest(HERE_IN_FRENCH)):
            assert set(values) == names
            assert None not in values.values()
        assert {name for one_of in event.needed for name in one_of} <= names


# --- a name gives way, and only where that helps ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("", "Intercommunale des mutuelles de santé de la Donga"),
        (" Merci." * 9, "Intercommunale des mutuelles de santé"),
        (" Merci." * 13, "Intercommunale"),
        (" Merci." * 14, "Intercommunale des mutuelles de santé de la Donga"),  # two parts with the shortest name too
    ],
)
def test_a_name_gives_way_where_that_saves_a_part(more: str, name: str) -> None:
    values = {**EVENTS["campaign"].example(HERE_IN_FRENCH)}
    values["mutuelle"] = "Intercommunale des mutuelles de santé de la Donga"
    text = "{mutuelle} : {due}, carte {card}. Composez le {code}." + more
    written = filled(EVENTS["campaign"], text, Say("fr"), values)
    assert written.split(" : ")[0] == name
    assert parts(written) == (2 if more.count("M") == 14 else 1)


# --- whatever is taken fits -------------------------------------------------------------------------------------------

_FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
_LETTERS = st.text("aéèçœ€^ .,:!'«»" + string.ascii_letters, max_size=12)
_BRACE = st.sampled_from(["{{", "}}", "\n", "🎉"])
_DAYS = st.integers(0, 20_000).map(lambda days: date(1990, 1, 1) + timedelta(days=days))
_NAMES = st.one_of(
    st.text(max_size=60),
    st.text("€^œ ", max_size=60),
    st.lists(st.sampled_from(["de", "Ndayizeye-Nshimirimana", "Aline", "É"]), max_size=9).map(" ".join),
)
_NUMBERS = st.builds("{:06d}-{:05d}".format, st.integers(0, 10**10 - 1), st.integers(0, 99_999))
_CODES = st.builds("*{}*{}#".format, st.integers(10, 99_999), st.integers(100, 9_999_999))
_CARDS = st.integers(100_000_000, 599_999_999).map(str)
_CURRENCIES = ("XOF", "BIF", "CDF")


@st.composite
def amounts(draw: st.DrawFn, most_units: int = MOST_UNITS) -> Money:
    currency = draw(st.sampled_from(_CURRENCIES))
    units = draw(st.one_of(st.just(most_units), st.integers(1, most_units)))
    return Money(units * 10 ** EXPONENT[currency] + (draw(st.integers(0, 99)) if EXPONENT[currency] else 0), currency)


@st.composite
def covers(draw: st.DrawFn, left: Money) -> Cover:
    day, due = draw(_DAYS), draw(_DAYS)
    return Cover(draw(st.sampled_from(State)), day, day, left.minor, left.minor, due, left.minor)


@st.composite
def lefts(draw: st.DrawFn, amount: Money) -> Money:
    return Money(draw(st.sampled_from([0, 1, amount.minor])), amount.currency)


@st.composite
def data(draw: st.DrawFn, event: str, say: Say) -> Mapping[str, object]:
    """What may stand in an event, within what there must be room for."""
    amount = draw(amounts())
    left, name, place, card, number = draw(lefts(amount)), draw(_NAMES), draw(_NAMES), draw(_CARDS), draw(_NUMBERS)
    match event:
        case "receipt":
            return receipt_values(say, number, amount, card, draw(covers(left)), left, name, place)
        case "treasurer":
            way = draw(st.sampled_from(sorted(texts.WAYS)))
            return treasurer_values(say, number, amount, way, card, left, name, place)
        case "registered":
            return registered_values(say, place, card, name, amount, left)
        case "not_paid":
            reason = draw(st.sampled_from([*texts.NOT_PAID, "NEW_CODE"]))
            return not_paid_values(say, amount, card, reason, place)
        case _:
            return {
                "card": say.card(card), "name": name, "left": left, "due": amount, "date": draw(_DAYS),
                "until": draw(_DAYS), "mutuelle": place, "code": draw(_CODES),
            }  # fmt: skip


@st.composite
def templates(draw: st.DrawFn, event: str) -> str:
    """A text that holds what it must, and anything else in any order."""
    kind = EVENTS[event]
    names = st.sampled_from([f"{{{one.name}}}" for one in kind.placeholders])
    pieces = draw(st.lists(st.one_of(_LETTERS, _LETTERS, names, _BRACE), max_size=6))
    pieces += [f" {{{draw(st.sampled_from(one_of))}}} " for one_of in kind.needed]
    return "".join(draw(st.permutations(pieces)))


@pytest.mark.parametrize("event", ["receipt", "treasurer", "registered", "not_paid", "reminder_due", "campaign"])
@_FEW
@given(st.data())
def test_what_is_taken_fits_whatever_stands_in_it(event: str, drawn: st.DataObject) -> None:
    kind, language = EVENTS[event], drawn.draw(st.sampled_from(LANGUAGES))
    try:
        checked = check(kind, drawn.draw(templates(event)), Setting(language, "Mutuelle de Ouaké", _CURRENCIES))
    except BadTemplate:
        assume(False)
        raise
    values = drawn.draw(data(event, Say(language)))
    written = filled(kind, checked.text, Say(language), values)
    assert fold(written) == written
    assert parts(written) <= kind.most_parts
    assert "\n" not in written
    for name in {"number", "amount", "card"}.intersection(placeholders(checked.text)):
        assert plain(Say(language).show(values[name])) in written


@_FEW
@given(st.data())
def test_what_is_longer_than_there_must_be_room_for_is_never_sent_in_parts(drawn: st.DataObject) -> None:
    say = Say("fr")
    values = {**drawn.draw(data("receipt", say)), "amount": Money(MAX_MINOR, "BIF"), "number": "9" * 20}
    text = "Reçu {number} : {amount}, carte {card}. {covered} {remaining}" + "x" * 14
    check(RECEIPT, text, HERE_IN_FRENCH)
    if parts(fill(text, say, values)) == 1:
        assert parts(filled(RECEIPT, text, say, values)) == 1
    else:
        with pytest.raises(BadTemplate, match="it has 2 parts with these data, and may have 1"):
            filled(RECEIPT, text, say, values)
