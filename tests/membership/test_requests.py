"""Complaints and call backs: each has a number, waits in its mutuelle's book, and is answered once."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.membership import requests
from gateway.membership.requests import CATEGORIES, TEXT_CHARACTERS, Kind, Request
from gateway.network.organisations import add_organisation
from gateway.store.schema import message, outbox
from gateway.store.unit import Store
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once

TEXT = "Le centre a refusé la carte de ma fille."


def complain(
    village: Village,
    text: str = TEXT,
    organisation_id: int | None = None,
    home: int | None = None,
    category: str = "care",
) -> str:
    with village.store.write() as unit:
        return requests.file_complaint(
            unit, organisation_id or village.place.books.id, home, PAYER, "fr", category, text
        )


def call_me(village: Village, msisdn: str = PAYER) -> tuple[str, bool]:
    with village.store.write() as unit:
        return requests.ask_callback(unit, village.place.section_id, None, msisdn, "fr")


def waiting(village: Village, path: str = "/", kind: Kind | None = None, limit: int = 50) -> list[str]:
    with village.store.read() as connection:
        return [one.number for one in requests.open_requests(connection, path, kind, limit)]


def answer(village: Village, number: str, text: str = "Nous avons parlé au centre.") -> Request | None:
    with village.store.write() as unit:
        return requests.answer(unit, number, "Issifou Dafia", text)


def test_a_complaint_waits_for_its_one_answer(village: Village) -> None:
    made = village.register()
    number = complain(village, home=made.household_id)
    with village.store.read() as connection:
        (one,) = requests.open_requests(connection, "/", "complaint", 50)
        assert one == requests.by_number(connection, number)
    assert (one.number, one.kind, one.category, one.card, one.household_id) == (
        number, "complaint", "care", made.card, made.household_id,
    )  # fmt: skip
    assert (one.msisdn, one.language, one.text, one.state) == (PAYER, "fr", TEXT, "open")
    assert (one.created_at, one.answered_at, one.answer) == (village.clock.now(), None, None)

    typed = f"{number[:3]} {number[3:]}"
    found = answer(village, typed)
    assert found is not None
    assert (found.state, found.answered_by, found.answer, found.answered_at) == (
        "answered", "Issifou Dafia", "Nous avons parlé au centre.", village.clock.now(),
    )  # fmt: skip
    assert answer(village, number, "Something else.") is None
    assert waiting(village) == []
    with village.store.read() as connection:
        assert requests.newest_requests(connection, "/", None, 50) == [found]


def test_a_phone_has_one_call_back_open(village: Village) -> None:
    number, already = call_me(village)
    assert not already
    assert call_me(village) == (number, True)
    other, already = call_me(village, NEIGHBOUR)
    assert not already
    assert waiting(village, kind="callback") == [number, other]
    assert answer(village, number, "") is not None
    assert not call_me(village)[1]


def test_two_sessions_of_one_phone_at_once_ask_for_one_call_back(village: Village) -> None:
    made = at_once(2, lambda: call_me(village))
    assert sorted(already for _, already in made) == [False, True]  # type: ignore[misc]
    assert len(waiting(village)) == 1


@ON_SQLITE
def test_a_mutuelle_sees_its_own_and_those_below_the_oldest_first(village: Village) -> None:
    with village.store.write() as unit:
        elsewhere = add_organisation(unit, None, kind="mutuelle", code="x", name="Mutuelle")
    there = complain(village, organisation_id=elsewhere[0])
    first, second = complain(village), complain(village, organisation_id=village.place.section_id)
    called, _ = call_me(village)
    here = village.place.books.path
    assert waiting(village, here) == [first, second, called]
    assert waiting(village, here, "complaint") == [first, second]
    assert waiting(village, here, limit=1) == [first]
    assert waiting(village, elsewhere[1]) == [there]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Le reçu \n n'est   pas venu ", "Le reçu n'est pas venu"),
        ("a\x00b\x1b[2Jc\u202ed", "ab[2Jcd"),
        ("x" * 500, "x" * TEXT_CHARACTERS),
        ("", ""),
    ],
    ids=["spaces", "commands", "long", "empty"],
)
def test_a_text_is_kept_on_one_line_and_commands_nothing(village: Village, typed: str, kept: str) -> None:
    number = complain(village, typed)
    with village.store.read() as connection:
        one = requests.by_number(connection, number)
    assert one is not None
    assert one.text == kept


@ON_SQLITE
def test_categories_are_known(village: Village) -> None:
    assert len({complain(village, category=each) for each in CATEGORIES}) == 5
    with pytest.raises(ValueError, match="weather"):
        complain(village, category="weather")


@pytest.mark.parametrize("number", ["", "0", "00000", "12345", "999999", "x", "１２", "000018 5", "1" * 40])
@ON_SQLITE
def test_what_is_no_number_answers_nothing(village: Village, number: str) -> None:
    complain(village)
    assert answer(village, number) is None
    assert len(waiting(village)) == 1


def test_numbers() -> None:
    for its_id in (1, 17, 99_999, 100_000, 9_223_372_036_854_775):
        number = with_check_digit(its_id)
        assert len(number) >= 6
        assert read_number(number) == read_number(f" {number[:2]}-{number[2:]}") == its_id
        assert read_number(number[:-1] + str((int(number[-1]) + 1) % 10)) is None
        assert read_number(number[:-2]) != its_id
    assert [read_number(typed) for typed in ("", "5", "12a", "²³", "1" * 20)] == [None] * 5
    assert read_number("\u0660\u0660\u0660\u0660\u0661" + with_check_digit(1)[-1]) == 1


# Commands, as the office types them


class Office:
    """The command line, on the store's own database."""

    def __init__(self, store: Store) -> None:
        self.env = {
            "DATABASE_URL": store.engine.url.render_as_string(hide_password=False),
            "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing here needs one
            "SECRET_KEY": "office-secret-key-0123456789abcdef",
            "WEBHOOK_SECRET": "office-webhook-secret-0123456789",
            "PUBLIC_URL": "https://cotisa.invalid",
        }

    def type(self, *words: str) -> str:
        """What is printed; raises what the command raises."""
        from gateway.cli import cli

        result: Result = CliRunner(env=self.env).invoke(cli, words)
        if result.exception is not None:
            raise result.exception
        return result.output


@pytest.fixture
def office(village: Village) -> Office:
    return Office(village.store)


def test_the_office_reads_the_book_and_answers_by_sms(village: Village, office: Office) -> None:
    made = village.register()
    number = complain(village, home=made.household_id)
    assert TEXT in office.type("complaints", "list")
    (listed,) = json.loads(office.type("complaints", "list", "--json", "--under", "m"))
    assert (listed["number"], listed["card"], listed["state"], listed["answer"]) == (number, made.card, "open", None)

    said = office.type("complaints", "answer", number, "Allez-y, c'est réglé.", "--by", "Issifou Dafia")
    assert number in said
    with village.store.read() as connection:
        sent = connection.execute(select(message).where(message.c.event == "answer")).one()
        queues = connection.scalars(select(outbox.c.queue).where(outbox.c.subject == str(sent.id))).all()
    assert (sent.msisdn, sent.language, sent.household_id, sent.parts) == (PAYER, "fr", made.household_id, 1)
    assert number in sent.text
    assert sent.text.endswith("Allez-y, c'est réglé.")
    assert queues == ["replies"]

    assert json.loads(office.type("complaints", "list", "--json")) == []
    (listed,) = json.loads(office.type("complaints", "list", "--json", "--all"))
    assert (listed["answered_by"], listed["answer"]) == ("Issifou Dafia", "Allez-y, c'est réglé.")
    assert "Issifou Dafia: Allez-y" in office.type("complaints", "list", "--all")
    with pytest.raises(Fault, match=f"no complaint {number} waits for an answer"):
        office.type("complaints", "answer", number, "Again", "--by", "Issifou Dafia")


@pytest.mark.parametrize("text", ["", "  ", "x" * 300, "x " * 250])
@ON_SQLITE
def test_an_answer_that_is_no_text_of_two_sms_is_refused_and_may_be_tried_again(
    village: Village, office: Office, text: str
) -> None:
    number = complain(village)
    with pytest.raises(Fault, match="at most two SMS"):
        office.type("complaints", "answer", number, text, "--by", "Issifou Dafia")
    assert waiting(village) == [number]
    office.type("complaints", "answer", number, "x " * 130, "--by", "Issifou Dafia")
    assert [row.parts for row in village.messages("answer")] == [2]


@ON_SQLITE
def test_the_office_sees_whom_to_call_and_ticks_them_off(village: Village, office: Office) -> None:
    number, _ = call_me(village)
    complaint = complain(village)
    assert PAYER in office.type("callbacks", "list")
    (listed,) = json.loads(office.type("callbacks", "list", "--json"))
    assert (listed["number"], listed["organisation"], listed["phone"]) == (number, "m-1", PAYER)
    for wrong in (complaint, "123"):
        with pytest.raises(Fault, match="is open"):
            office.type("callbacks", "done", wrong, "--by", "Issifou Dafia")
    with pytest.raises(Fault, match="waits for an answer"):
        office.type("complaints", "answer", number, "Hello", "--by", "Issifou Dafia")
    assert number in office.type("callbacks", "done", number, "--by", "Issifou Dafia")
    assert waiting(village) == [complaint]
    assert village.messages("answer") == []
