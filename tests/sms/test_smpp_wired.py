"""The line as an installation has it: from settings, inside TLS, held by the scheduler, beside the other aggregator."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.procs.redis import PrivateRedis
from gateway.settings import BadSettings, Settings
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.aggregators import troubles
from gateway.sms.port import Handed, NoSms, TryAgain
from gateway.sms.relay import Relay
from gateway.sms.smpp.line import Centre
from gateway.sms.smpp.port import Smpp
from gateway.sms.smpp.words import SOON
from gateway.wiring import Runtime
from tests.sms.helpers import NUMBER, on_sqlite
from tests.sms.smsc import Smsc, until
from workers import schedule

MANY = [f"+22901000{number:05d}" for number in range(60)]
AT = {"AFRICASTALKING_USERNAME": "cotisa", "AFRICASTALKING_API_KEY": "key"}


@pytest.fixture(scope="module")
def running() -> Iterator[Smsc]:
    running = Smsc("--system-id", "cotisa", "--password", "secret")
    yield running
    running.stop()


@pytest.fixture
def smsc(running: Smsc) -> Smsc:
    running.begin()
    return running


# --- TLS --------------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> Path:
    """A certificate of this machine's own, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return pem


@contextlib.contextmanager
def tls_in_front(smsc: Smsc, pem: Path) -> Iterator[int]:
    """A server that takes TLS off and passes on what is inside; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def passes(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                target.sendall(piece)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def take(outer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = outer.accept()
                try:
                    caller = context.wrap_socket(plain, server_side=True)
                except ssl.SSLError:
                    continue
                inner = socket.create_connection((smsc.host, smsc.port))
                for pair in ((caller, inner), (inner, caller)):
                    threading.Thread(target=passes, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as outer:
        threading.Thread(target=take, args=(outer,), daemon=True).start()
        yield outer.getsockname()[1]


def test_a_line_inside_tls_carries_texts_both_ways(smsc: Smsc, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=pem)
    with tls_in_front(smsc, pem) as at:
        port = Smpp(Centre("localhost", at, "cotisa", "secret", tls=trusting, enquire_s=0.2))
        answers = port.send_many("Rappel", MANY)
        assert all(isinstance(one, Handed) for one in answers)
        assert smsc.play("report", {"id": "1", "to": NUMBER[1:]})["status"] == 0x64  # without a store nobody takes it
        until(lambda: smsc.bound()["enquired"] > 1)
        assert isinstance(port.send("Recu", NUMBER), Handed)
        assert smsc.bound()["ever"] == 1
        port.close()
        until(lambda: not smsc.bound()["now"])


def test_whom_the_certificate_doesn_t_name_gets_nothing(smsc: Smsc, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with tls_in_front(smsc, pem) as at:
        for host, context in (
            ("localhost", ssl.create_default_context()),
            ("127.0.0.1", ssl.create_default_context(cafile=pem)),
        ):
            port = Smpp(Centre(host, at, "cotisa", "secret", tls=context))
            assert port.send("Recu", NUMBER) == TryAgain("not_reached", SOON)
    assert smsc.bound()["ever"] == 0


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_of(database_url: str, redis_url: str, **more: str) -> Settings:
    return Settings.of(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "canary-secret-key-of-32-characters",
            "WEBHOOK_SECRET": "canary-webhook-secret",
            "PUBLIC_URL": "https://cotisa.invalid",
            **more,
        }
    )


def line_to(smsc: Smsc, **more: str) -> dict[str, str]:
    return {
        "SMPP_HOST": smsc.host,
        "SMPP_PORT": str(smsc.port),
        "SMPP_SYSTEM_ID": "cotisa",
        "SMPP_PASSWORD": "secret",
        "SMPP_TLS": "false",
        **more,
    }


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"SMPP_HOST": "smsc.example"}, "SMPP_SYSTEM_ID is missing; SMPP_PASSWORD is missing"),
        ({"SMPP_PASSWORD": "x" * 9}, "SMPP_PASSWORD "),
        ({"SMPP_SYSTEM_ID": "x" * 16}, "SMPP_SYSTEM_ID "),
        ({"SMPP_SENDER": "a name that is too long"}, "SMPP_SENDER "),
        ({"SMPP_NO_CREDIT_STATUSES": "0x511 or so"}, "SMPP_NO_CREDIT_STATUSES "),
        ({"SMPP_HOST": "smpp://smsc.example"}, "SMPP_HOST "),
        ({"SMS_FIRST": "pigeon"}, "SMS_FIRST "),
    ],
)
def test_wrong_settings_are_told(values: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings) as wrong:
        settings_of("sqlite:////tmp/x.db", "redis://localhost", **values)
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, []),
        (AT, ["africastalking"]),
        ({}, ["smpp"]),
        (AT, ["africastalking", "smpp"]),
        (AT | {"SMS_FIRST": "smpp"}, ["smpp", "africastalking"]),
    ],
)
@on_sqlite
def test_the_aggregators_are_those_that_there_are_settings_for(
    database_url: str, redis_server: PrivateRedis, smsc: Smsc, values: dict[str, str], names: list[str]
) -> None:
    line = line_to(smsc) if "smpp" in names else {}
    port = Runtime(settings_of(database_url, redis_server.url, **line, **values)).sms
    if not names:
        assert isinstance(port, NoSms)
        return
    assert isinstance(port, Relay)
    assert list(port.names) == names
    assert isinstance(port.port_of(names[0]), Smpp if names[0] == "smpp" else AfricasTalking)


@on_sqlite
def test_what_an_installation_says_of_the_line_is_what_the_centre_sees(
    database_url: str, redis_server: PrivateRedis, smsc: Smsc
) -> None:
    line = line_to(smsc, SMPP_SENDER="8500", SMPP_PRICE="11.5", SMPP_NO_CREDIT_STATUSES="0x401,0x511", CURRENCY="XOF")
    parts = Runtime(settings_of(database_url, redis_server.url, **line))
    assert parts.sms.send("Recu", NUMBER) == Handed(smsc.sent()[0]["id"], "XOF 11.5000", "smpp")
    assert smsc.sent()[0]["from"] == "8500"
    smsc.script({"status": 0x401})
    assert isinstance(answer := parts.sms.send("Recu", NUMBER), TryAgain)
    assert answer.reason == "no_credit"
    parts.store.close()


# --- the scheduler ----------------------------------------------------------------------------------------------------


@on_sqlite
def test_the_scheduler_holds_a_line_and_says_when_it_can_t(
    database_url: str, redis_server: PrivateRedis, smsc: Smsc
) -> None:
    smsc.script(binds=[0x08])
    parts = Runtime(settings_of(database_url, redis_server.url, **line_to(smsc)))
    [keeps] = [one for one in schedule.rounds(parts, "here") if one._job == "keep SMS lines"]
    while keeps.go_on():
        pass
    with parts.store.read() as connection:
        assert [(one.name, one.reason) for one in troubles(connection)] == [("smpp", "unavailable")]
    assert smsc.bound()["now"] == 0
    parts.keep_sms_lines()
    assert smsc.bound()["now"] == 1
    with parts.store.read() as connection:
        assert troubles(connection) == []
    parts.keep_sms_lines()
    assert smsc.bound()["ever"] == 1
    smsc.begin()
    smsc.script(binds=[0x0E])
    parts.keep_sms_lines()
    parts.keep_sms_lines()  # a wrong password isn't tried again for a while
    assert smsc.bound()["now"] == 0
    with parts.store.read() as connection:
        assert [(one.name, one.reason) for one in troubles(connection)] == [("smpp", "bad_credentials")]
    parts.store.close()
