"""A passkey enters by a signature of the person's own, unlocked device, made for us and for this moment."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.console.entry import links, logins, passkeys, passwords
from gateway.console.entry.logins import Login
from gateway.console.entry.passkeys import BadPasskey, Place
from gateway.kernel.clock import FixedClock
from gateway.kernel.sealing import Keys
from gateway.network import staff
from gateway.network.organisations import Network, add_organisation
from gateway.store.tracing import COMMAND
from gateway.store.unit import Store
from tests.console.authenticator import Authenticator

KEYS = Keys("a-secret-key-of-32-characters-or-more")
ORIGIN = "https://cotisa.example"
PLACE = passkeys.place_of(f"{ORIGIN}/")
SEALED = passwords.seal("le vieux manguier")


@pytest.fixture
def one(store: Store, network: Network) -> Login:
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union")
        for place, number in enumerate(("+2290150000001", "+2290150000002")):
            staff.add(unit, union[0], f"Awa Bi{'o' * (place + 1)}", "treasurer", number, "fr")
            token = links.invite(unit, number, by=COMMAND)
            links.use(unit, token, SEALED, address="")
        found = logins.by_number(unit.connection, "+2290150000001")
    assert found is not None
    return found


def added(store: Store, one: Login, device: Authenticator, name: str = "Téléphone") -> int:
    with store.read() as connection:
        question = passkeys.ask_to_add(connection, PLACE, KEYS, one, store.clock.now())
    with store.write() as unit:
        return passkeys.add(unit, PLACE, KEYS, one, question.sealed, device.make(question.options), name)


def entered(store: Store, device: Authenticator, place: Place = PLACE) -> Login:
    question = passkeys.ask_to_enter(PLACE, KEYS, store.clock.now())
    return taken(store, question.sealed, device.use(question.options), place)


def taken(store: Store, sealed: str, answer: str, place: Place = PLACE) -> Login:
    with store.write() as unit:
        return passkeys.take(unit, place, KEYS, sealed, answer)


def test_the_place_is_the_host_of_the_public_url() -> None:
    assert passkeys.place_of("https://cotisa.example/") == Place("cotisa.example", "https://cotisa.example")
    assert passkeys.place_of("http://localhost:8000") == Place("localhost", "http://localhost:8000")


@pytest.mark.parametrize("counts", [True, False])
def test_a_device_is_known_again_without_a_number(store: Store, one: Login, counts: bool) -> None:
    device = Authenticator(ORIGIN, counts=counts)
    its_id = added(store, one, device)
    for _ in range(2):
        assert entered(store, device).login_id == one.login_id
    with store.read() as connection:
        (kept,) = passkeys.of(connection, one.login_id)
    assert (kept.id, kept.name, kept.used_at) == (its_id, "Téléphone", store.clock.now())


def test_a_passkey_outlives_the_secret_key(store: Store, one: Login) -> None:
    device = Authenticator(ORIGIN)
    added(store, one, device)
    other = Keys("another-secret-key-of-32-characters")
    question = passkeys.ask_to_enter(PLACE, other, store.clock.now())
    with store.write() as unit:
        assert passkeys.take(unit, PLACE, other, question.sealed, device.use(question.options)).login_id == one.login_id


def test_nothing_of_the_person_stands_in_what_a_device_is_asked(store: Store, one: Login) -> None:
    with store.read() as connection:
        asked = json.loads(passkeys.ask_to_add(connection, PLACE, KEYS, one, store.clock.now()).options)
    assert one.msisdn[-8:] not in json.dumps(asked)
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    enter = json.loads(passkeys.ask_to_enter(PLACE, KEYS, store.clock.now()).options)
    assert enter["userVerification"] == "required"
    assert not enter.get("allowCredentials")


def test_a_device_that_was_not_unlocked_is_refused(store: Store, one: Login) -> None:
    with pytest.raises(BadPasskey):
        added(store, one, Authenticator(ORIGIN, unlocks=False))
    device = Authenticator(ORIGIN)
    added(store, one, device)
    with pytest.raises(BadPasskey):
        entered(store, replace(device, unlocks=False))


def test_another_place_s_page_gets_nowhere(store: Store, one: Login) -> None:
    with pytest.raises(BadPasskey):
        added(store, one, Authenticator("https://cotisa.example.evil.example"))
    device = Authenticator(ORIGIN)
    added(store, one, device)
    with pytest.raises(BadPasskey):
        entered(store, replace(device, origin="https://evil.example"))
    with pytest.raises(BadPasskey):
        entered(store, replace(device, rp_id="evil.example"))


def test_a_key_that_is_not_the_one_kept_is_refused(store: Store, one: Login) -> None:
    device = Authenticator(ORIGIN)
    added(store, one, device)
    with pytest.raises(BadPasskey):
        entered(store, Authenticator(ORIGIN, id=device.id, handle=device.handle, rp_id=device.rp_id))
    with pytest.raises(BadPasskey, match="isn't known here"):
        entered(store, Authenticator(ORIGIN, rp_id=device.rp_id))


def test_an_answer_is_taken_once_and_within_ten_minutes(store: Store, one: Login) -> None:
    device = Authenticator(ORIGIN, counts=False)
    added(store, one, device)
    question = passkeys.ask_to_enter(PLACE, KEYS, store.clock.now())
    answer = device.use(question.options)
    assert taken(store, question.sealed, answer).login_id == one.login_id
    with pytest.raises(BadPasskey):
        taken(store, question.sealed, answer)
    question = passkeys.ask_to_enter(PLACE, KEYS, store.clock.now())
    assert isinstance(store.clock, FixedClock)
    store.clock.move(timedelta(minutes=11))
    with pytest.raises(BadPasskey, match="too long"):
        taken(store, question.sealed, device.use(question.options))


def test_a_copy_of_a_device_that_counts_is_seen(store: Store, one: Login) -> None:
    device = Authenticator(ORIGIN)
    added(store, one, device)
    copy = replace(device)
    entered(store, device)
    with pytest.raises(BadPasskey):
        entered(store, copy)


def test_what_was_asked_for_one_thing_or_person_is_no_answer_to_another(store: Store, one: Login) -> None:
    device = Authenticator(ORIGIN)
    with store.read() as connection:
        question = passkeys.ask_to_add(connection, PLACE, KEYS, one, store.clock.now())
        other = logins.by_number(connection, "+2290150000002")
    assert other is not None
    answer = device.make(question.options)
    with pytest.raises(BadPasskey), store.write() as unit:
        passkeys.add(unit, PLACE, KEYS, other, question.sealed, answer, "x")
    with pytest.raises(BadPasskey):
        taken(store, question.sealed, answer)


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x" * 20_000, '{"id": 1, "rawId": "é"}'])
def test_what_no_device_answers_is_refused(store: Store, one: Login, answer: str) -> None:
    question = passkeys.ask_to_enter(PLACE, KEYS, store.clock.now())
    with pytest.raises(BadPasskey):
        taken(store, question.sealed, answer)
    with store.read() as connection:
        question = passkeys.ask_to_add(connection, PLACE, KEYS, one, store.clock.now())
    with pytest.raises(BadPasskey), store.write() as unit:
        passkeys.add(unit, PLACE, KEYS, one, question.sealed, answer, "x")


def test_an_answer_that_was_changed_anywhere_is_refused(store: Store, one: Login) -> None:
    """Whatever byte of it, whatever it is changed to: never a failure of ours."""
    chance = random.Random(7)
    device = Authenticator(ORIGIN)
    added(store, one, device)
    for turn in range(60):
        new = Authenticator(ORIGIN)
        with store.read() as connection:
            to_add = passkeys.ask_to_add(connection, PLACE, KEYS, one, store.clock.now())
        to_enter = passkeys.ask_to_enter(PLACE, KEYS, store.clock.now())
        for question, answer, adding in (
            (to_add, new.make(to_add.options), True),
            (to_enter, device.use(to_enter.options), False),
        ):
            said = json.loads(answer)
            field = chance.choice(sorted(said["response"]))
            text = bytearray(said["response"][field].encode())
            place = chance.randrange(len(text) - 2)
            text[place] = ord("A") if text[place] != ord("A") else ord("_")
            said["response"][field] = text.decode()[: chance.choice((place, len(text)))]
            if turn % 10 == 0:
                said["response"][field] = chance.choice(["", "[" * 9_000, "é", None, 7, {}, []])
                if not adding and field == "userHandle" and not said["response"][field]:
                    continue  # a device may leave that out
            if adding:
                # What a device says of a key that is new isn't signed: some of it may be anything.
                with suppress(BadPasskey), store.write() as unit:
                    passkeys.add(unit, PLACE, KEYS, one, question.sealed, json.dumps(said), "x")
            else:
                with pytest.raises(BadPasskey):
                    taken(store, question.sealed, json.dumps(said))
    with pytest.raises(BadPasskey):
        taken(store, passkeys.ask_to_enter(PLACE, KEYS, store.clock.now()).sealed, "[" * 16_000)


def test_a_passkey_goes_with_the_role_and_by_its_owner_s_hand(store: Store, one: Login) -> None:
    device, other = Authenticator(ORIGIN), Authenticator(ORIGIN)
    first, _ = added(store, one, device), added(store, one, other, "Clé")
    with store.write() as unit:
        assert not passkeys.remove(unit, one.login_id + 1, first)
        assert passkeys.remove(unit, one.login_id, first)
    with pytest.raises(BadPasskey):
        entered(store, device)
    with store.write() as unit:
        (role,) = staff.roles_of(unit.connection, one.msisdn)
        staff.end(unit, role.id, store.clock.now().date())
    with pytest.raises(BadPasskey):
        entered(store, other)
    with store.write() as unit:
        assert logins.close_without_role(unit, one.msisdn)
        assert passkeys.of(unit.connection, one.login_id) == []


def test_nobody_has_more_than_ten(store: Store, one: Login) -> None:
    for _ in range(10):
        added(store, one, Authenticator(ORIGIN))
    with pytest.raises(BadPasskey, match="10 passkeys"):
        added(store, one, Authenticator(ORIGIN))
