"""One call to an operator: what came back, bounded; and when nothing did, whether it can have been heard."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached


@contextmanager
def serving(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A server that lets ``answer`` do as it likes with each connection, once a request has come."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection, connection.recv(65536))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def call(url: str, method: str = "POST", **options: float) -> Answer | Unreached | NoAnswer:
    values = {"connect_timeout_s": 0.3, "read_timeout_s": 0.3, **options}
    return Http(url, **values).call("a test", method, "/x", {"Authorization": "ours"})  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "kept"), [(0, True), (1000, True), (1001, False), (300_000, False)])
def test_an_answer_is_kept_up_to_the_limit(size: int, kept: bool) -> None:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)

    with serving(send) as url:
        answer = call(url, max_answer_bytes=1000)
    assert isinstance(answer, Answer)
    assert answer.status == 202  # the status has come and counts, whatever follows it
    assert answer.body == (b"x" * size if kept else None)


def test_a_body_without_a_length_is_bounded_too() -> None:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")

    with serving(send) as url:
        answer = call(url)
    assert isinstance(answer, Answer)
    assert answer.body is None


def test_a_body_that_breaks_off_is_no_body() -> None:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": "SUCCESSFUL"}')

    with serving(send) as url:
        answer = call(url)
    assert isinstance(answer, Answer)
    assert answer.body is None
    assert answer.fields() == {}


def test_a_body_that_drips_ends_at_the_deadline() -> None:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    began = time.monotonic()
    with serving(send) as url:
        answer = call(url)
        assert time.monotonic() - began < 1.5
    assert isinstance(answer, Answer)
    assert answer.body is None


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked() -> None:
    packed = gzip.compress(b" " * 5_000_000)

    def send(connection: socket.socket, _: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        connection.sendall(head + packed)

    with serving(send) as url:
        answer = call(url)
    assert isinstance(answer, Answer)
    assert answer.body == packed
    assert answer.fields() == {}


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", b"nonsense\r\n\r\n"])
def test_a_connection_that_was_heard_and_broke_may_have_done_it(sent: bytes) -> None:
    with serving(lambda connection, _: connection.sendall(sent)) as url:
        assert isinstance(call(url), NoAnswer)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_only_a_reading_call_is_made_again(method: str) -> None:
    heard: list[bytes] = []

    def send(connection: socket.socket, _: bytes) -> None:
        heard.append(b"")
        if len(heard) > 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with serving(send) as url:
        assert isinstance(call(url, method), NoAnswer)
        assert len(heard) == 1
        heard.clear()
        assert isinstance(call(url, "GET"), Answer)
        assert len(heard) == 2


def test_a_redirect_is_an_answer_like_another() -> None:
    asked: list[bytes] = []

    def send(connection: socket.socket, _: bytes) -> None:
        asked.append(b"")
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    with serving(send) as url:
        answer = call(url)
    assert isinstance(answer, Answer)
    assert (answer.status, len(asked)) == (302, 1)


def test_an_address_that_no_call_can_be_made_of_was_never_heard() -> None:
    assert isinstance(call("http://"), Unreached)
    assert isinstance(call("ftp://127.0.0.1"), Unreached)


def test_a_certificate_that_does_not_hold_was_never_heard(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            connection, _ = plain.accept()
            with connection:
                try:
                    heard.append(context.wrap_socket(connection, server_side=True).recv(100))
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        answer = call(f"https://127.0.0.1:{plain.getsockname()[1]}", read_timeout_s=3)
        thread.join(5)
    assert answer == Unreached("the certificate doesn't hold")
    assert not any(heard)


def test_the_proxy_of_the_machine_is_not_used_towards_the_machine(
    monkeypatch: pytest.MonkeyPatch, closed_url: str
) -> None:
    monkeypatch.setenv("http_proxy", closed_url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(_nothing) as url:
        assert isinstance(call(url), Answer)
        assert isinstance(call(_elsewhere(url)), Unreached)


def test_the_password_of_a_netrc_is_not_sent_in_place_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("no_proxy", "127.1")
    heard: list[bytes] = []

    def hear(connection: socket.socket, request: bytes) -> None:
        heard.append(request)
        _nothing(connection, request)

    with serving(hear) as url:
        assert isinstance(call(_elsewhere(url)), Answer)
    assert b"Authorization: ours\r\n" in heard[0]


def _nothing(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _elsewhere(url: str) -> str:
    """The same place by a name that isn't known as this machine's."""
    return url.replace("127.0.0.1", "127.1")
