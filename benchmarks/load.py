"""A small load generator: keep-alive connections in one loop, each playing its own list of requests over and over."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What a load measured: answers a second, and how long the slowest of a hundred took."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    wrong: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def post(path: str, form: dict[str, str] | bytes, kind: str = "application/x-www-form-urlencoded") -> bytes:
    """The bytes of one POST."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Line:
    def __init__(self, address: tuple[str, int], requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.sent_at = 0.0
        self.answer = b""

    def send(self) -> None:
        self.answer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(next(self.requests))

    def complete(self) -> bool:
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return False
        lower = head.lower()
        at = lower.find(b"content-length:")
        return at >= 0 and len(body) >= int(lower[at + 15 :].split(b"\r\n", 1)[0])


def run(
    port: int,
    requests: Callable[[int], Iterator[bytes]],
    seconds: float,
    expect: bytes = b"",
    *,
    connections: int = CONNECTIONS,
) -> Load:
    """Play ``requests(n)`` on each of some connections for ``seconds``, or until all have ended."""
    lines = [_Line(("127.0.0.1", port), requests(number)) for number in range(connections)]
    chooser = selectors.DefaultSelector()
    for line in lines:
        chooser.register(line.socket, selectors.EVENT_READ, line)
    took: list[float] = []
    wrong = 0
    begun = time.perf_counter()
    for line in lines:
        line.send()
    while chooser.get_map() and time.perf_counter() - begun < seconds:
        for key, _ in chooser.select(0.1):
            line = key.data
            piece = line.socket.recv(65536)
            if not piece:
                raise ConnectionError("the server closed a connection")
            line.answer += piece
            if line.complete():
                took.append(time.perf_counter() - line.sent_at)
                wrong += not line.answer.startswith(b"HTTP/1.1 200") or expect not in line.answer
                try:
                    line.send()
                except StopIteration:
                    chooser.unregister(line.socket)
    lasted = time.perf_counter() - begun
    for line in lines:
        line.socket.close()
    took.sort()
    return Load(len(took), lasted, took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000, wrong)
