"""An address for an operator's notices, and what came there."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message


@dataclass
class Notified:
    """``came`` is (method, body, headers) of each notice, in their order."""

    url: str
    came: list[tuple[str, bytes, Message]] = field(default_factory=list)


@contextmanager
def listening(status: int = 200) -> Iterator[Notified]:
    """Listen on a port of this machine, and answer every notice with ``status``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notified.came.append((self.command, self.rfile.read(int(self.headers["Content-Length"])), self.headers))
            self.send_response(status)
            self.end_headers()

        do_PUT = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    notified = Notified(f"http://127.0.0.1:{server.server_port}/payments/x")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield notified
    server.shutdown()
    server.server_close()


def until(true: Callable[[], bool], within_s: float = 3.0) -> None:
    """Wait until ``true`` is."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
