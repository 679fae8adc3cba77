"""One HTTP call to an operator: an answer of bounded size, or the knowledge whether it can have been heard at all.

What matters for money is the difference between "it never left" (nothing was begun, for certain) and "it left and
nothing came back" (anything may have happened). Nothing is retried here except a reading call whose kept connection
had died, and no redirect is followed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from gateway.kernel.atomic import require_outside
from gateway.kernel.strict_json import Unreadable, read_json

MAX_ANSWER_BYTES = 64 * 1024
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Answer:
    """What came back; ``body`` is None when it was larger than the limit or broke off."""

    status: int
    body: bytes | None = field(repr=False)
    retry_after_s: float | None = None

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body; empty when there is none that can be read."""
        try:
            found = read_json(self.body or b"")
        except Unreadable:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Unreached:
    """No connection came about: the operator has seen nothing of this call."""

    said: str


@dataclass(frozen=True)
class NoAnswer:
    """The call left and no answer came back in time: the operator may have done what was asked."""

    said: str
    connection_lost: bool = False


class Http:
    """Calls to one operator's host. Safe for threads and for forks: each thread of each process has its connections.

    With ``keeps_connections`` false every call has a new one: a kept connection may have died unnoticed, and what was
    sent on it can't be told from what was heard and not answered. ``pools``: how connections are made, by scheme,
    where it isn't the usual way (urllib3's connection pools).
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        keeps_connections: bool = True,
        pools: Mapping[str, Any] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._max_bytes = max_answer_bytes
        self._keeps_connections = keeps_connections
        self._pools = pools
        self._own = threading.local()

    @property
    def longest_s(self) -> float:
        """How many seconds a call takes at most, as far as the operator sends anything or nothing at all."""
        return sum(self._timeouts_s)

    def url(self, path: str) -> str:
        """The whole address that a call to ``path`` goes to, for whoever signs it."""
        return self._base_url + path

    def call(
        self,
        what: str,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        reading: bool = False,
    ) -> Answer | Unreached | NoAnswer:
        """Make one call; ``what`` names it in the fault that is raised inside a database transaction.

        ``reading`` says of a call other than GET that it changes nothing either, so that it may be made again.
        """
        require_outside(what)
        outcome = self._once(method, path, headers, body)
        if isinstance(outcome, NoAnswer) and outcome.connection_lost and (reading or method == "GET"):
            outcome = self._once(method, path, headers, body)
        return outcome

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | Unreached | NoAnswer:
        deadline = time.monotonic() + self.longest_s
        session = self._session()
        try:
            with session.request(
                method,
                self.url(path),
                # Uncompressed, so that the limit counts what is really read and no small answer unpacks to a large one.
                headers={**headers, "Accept": "application/json", "Accept-Encoding": "identity"},
                data=body,
                timeout=self._timeouts_s,
                allow_redirects=False,
                stream=True,
                auth=_as_it_is,
            ) as response:
                return Answer(response.status_code, self._read(response, deadline), _retry_after_s(response))
        except requests.exceptions.RequestException as failure:
            return _what_failed(failure)
        finally:
            if not self._keeps_connections:
                session.close()

    def _read(self, response: requests.Response, deadline: float) -> bytes | None:
        """The body, or None when it is too large, too slow or breaks off: the status has arrived and counts."""
        kept = bytearray()
        try:
            while piece := response.raw.read1(self._max_bytes + 1 - len(kept), decode_content=False):
                kept += piece
                if len(kept) > self._max_bytes or time.monotonic() > deadline:
                    return None
        except (urllib3.exceptions.HTTPError, OSError):
            return None
        return bytes(kept)

    def _session(self) -> requests.Session:
        if getattr(self._own, "pid", None) != os.getpid() or not self._keeps_connections:
            session = requests.Session()
            # A stand-in on this machine is never reached through the proxy of the machine, nor is whoever looks himself
            # at what a connection leads to.
            session.trust_env = urlsplit(self._base_url).hostname not in _LOOPBACK and self._pools is None
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("https://", "http://"):
                adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
                if self._pools is not None:
                    adapter.poolmanager.pool_classes_by_scheme = dict(self._pools)
                session.mount(scheme, adapter)
            self._own.pid, self._own.session = os.getpid(), session
        found: requests.Session = self._own.session
        return found


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps the library from putting a password of ~/.netrc in place of our Authorization header."""
    return request


def _retry_after_s(response: requests.Response) -> float | None:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 6 else None


def _what_failed(failure: requests.exceptions.RequestException) -> Unreached | NoAnswer:
    """Sort a failure; in doubt it was heard."""
    match failure:
        case ValueError():  # an address or header that no call can be made of
            return Unreached("the call can't be made")
        case requests.exceptions.ConnectTimeout():
            return Unreached("connecting took too long")
        case requests.exceptions.ProxyError():
            return Unreached("the proxy gave no connection")
        case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(failure):
            return Unreached("the certificate doesn't hold")
        case requests.exceptions.ReadTimeout():
            return NoAnswer("no answer in time")
        case requests.exceptions.ConnectionError() if isinstance(
            getattr(failure.args[0] if failure.args else None, "reason", None),
            urllib3.exceptions.NewConnectionError,
        ):
            return Unreached("no connection")
        case _:
            return NoAnswer("the connection was lost", connection_lost=True)
