"""What every stand-in of an operator shares: orders, scripted bad days, callbacks, payers' phones, and the server.

A stand-in inherits :class:`Operator` (its words, and what its status and its callback look like) and :class:`Handler`
(its addresses), and calls :func:`serve`. ``/_play`` is no operator's: it is how tests and the demonstration act as the
payers and as the network.

==========================  ==========================================================================================
``POST /_play/script``      what the next call (or the next of one ``payer``) meets: see :class:`Script`
``POST /_play/approve``     ``{key | payer, report?}``: the payer types the PIN; by ``key`` also after a failure, and of
                            money that is given back, that it has arrived
``POST /_play/refuse``      ``{key | payer, reason?}``
``POST /_play/tell``        ``{key, lie?, headers?, method?}``: send one notice now, whatever was or will be sent
``POST /_play/reset``       forget what was asked, counted and scripted
``GET /_play/prompts``      the PIN prompts that stand on phones now (``?payer=`` for one phone)
``GET /_play/requests``     every order with its debits, and how often each call was made
==========================  ==========================================================================================
"""

from __future__ import annotations

import argparse
import heapq
import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

Body = dict[str, Any]
Query = dict[str, list[str]]

MAX_BODY_BYTES = 256 * 1024  # a script may hold an answer that is too large for its reader


class Wrong(Exception):
    """An answer that is an error; ``body`` is whatever this operator writes there."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass(frozen=True)
class Callback:
    """How an outcome is told, ``delay`` seconds after it, ``times`` times (0: never).

    ``lie`` replaces fields of the notice, ``headers`` its headers (None takes one away). With ``before_response`` it
    overtakes the answer to the order, which is decided at once.
    """

    times: int = 1
    method: str | None = None
    delay: float = 0.0
    before_response: bool = False
    lie: Body = field(default_factory=dict)
    headers: Body = field(default_factory=dict)


@dataclass
class Script:
    """What the next ``times`` calls meet; ``on`` is ``ask``, ``find``, ``token`` or another call of the stand-in's.

    ``http`` (``{status, body, headers}``) answers instead and does nothing; ``fail_after`` (the same) answers when all
    is done. ``drop_before`` cuts the connection with nothing done; ``drop_after`` cuts it when the order is recorded
    and, unless ``outcome`` says otherwise, paid. ``slow`` waits so many seconds before the answer; ``truncate`` breaks
    its body off half-way. ``outcome`` decides at once (any word, known or not) with ``reason``; ``report`` replaces
    fields of the status, of all its readings on an ``ask`` and of this one on a ``find`` (None takes one away): several
    in a row make it flap.
    """

    on: str = "ask"
    payer: str | None = None
    times: int = 1
    http: Body | None = None
    fail_after: Body | None = None
    drop_before: bool = False
    drop_after: bool = False
    slow: float = 0.0
    truncate: bool = False
    outcome: str | None = None
    reason: Any = None
    report: Body = field(default_factory=dict)
    callback: Callback = field(default_factory=Callback)

    @classmethod
    def of(cls, given: Body) -> Script:
        """Read a script strictly: a misspelt word must not make a test pass."""
        values = dict(given)
        callback = values.pop("callback", {})
        known, known_of_callback = ({one.name for one in fields(each)} for each in (cls, Callback))
        if unknown := (values.keys() - known) | (callback.keys() - known_of_callback):
            raise Wrong(400, {"no such word": sorted(unknown)})
        if values.get("payer"):
            values["payer"] = values["payer"].removeprefix("+")
        return cls(**values, callback=Callback(**callback))


@dataclass
class Asked:
    """An order that was taken. ``payer`` is digits without ``+``, ``sent`` the request's body.

    Money given back is one too: ``of`` is the key of the order that it was paid by, and a debit is one of the payee's.
    """

    key: str
    payer: str
    amount: str
    currency: str
    sent: Body
    status: str
    callback_url: str | None = None
    callback: Callback = field(default_factory=Callback)
    reason: Any = None
    operator_id: str | None = None
    report: Body = field(default_factory=dict)
    asked: int = 1
    debits: int = 0
    callback_answers: list[int] = field(default_factory=list)
    of: str | None = None


A = TypeVar("A", bound=Asked)


class Later:
    """Runs things after a delay, on a few threads."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(8)
        threading.Thread(target=self._run, daemon=True).start()

    def after(self, delay_s: float, do: Callable[[], None]) -> None:
        with self._wake:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + delay_s, self._count, do))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(max(0.0, self._due[0][0] - time.monotonic()) if self._due else None)
                _, _, do = heapq.heappop(self._due)
            self._pool.submit(do)


class Operator(Generic[A]):
    """The orders, what was scripted and the payers' phones; a stand-in says its words and how it shows an order."""

    WAITING: str
    PAID: str
    FAILED: str
    REJECTED: Any  # the reason when a payer says no
    EXPIRED: Any  # the reason when a prompt was left alone
    CALLBACK_METHOD = "POST"

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.later = Later()
        self.calls: Counter[str] = Counter()
        self.orders: dict[str, A] = {}
        self.scripts: list[Script] = []
        # Beyond what an earlier run has given out: its transactions may still stand in a ledger.
        self._operator_ids = iter(range(time.time_ns() // 1_000_000, 1 << 62))
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    # What a stand-in says for itself

    def notice(self, order: A) -> Body:
        """The fields of the callback about an order that is decided."""
        raise NotImplementedError

    def notice_headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """The headers of a callback, its signature among them where there is one."""
        return {"Content-Type": "application/json"}

    def new_operator_id(self) -> str:
        """The operator's own number of a payment."""
        return str(next(self._operator_ids))

    def extra(self, order: A) -> Body:
        """What ``/_play/requests`` shows of an order beside what all stand-ins show."""
        return {}

    # Orders

    def script_for(self, on: str, payer: str | None = None) -> Script:
        """The script that this call uses up, or one that changes nothing."""
        with self.lock:
            for script in self.scripts:
                if script.on == on and script.payer in (None, payer):
                    script.times -= 1
                    if script.times <= 0:
                        self.scripts.remove(script)
                    return script
        return Script()

    def take(self, order: A, script: Script) -> bool:
        """Record an order and begin it; False when its key was taken before, which begins nothing."""
        with self.lock:
            if order.key in self.orders:
                self.orders[order.key].asked += 1
                return False
            order.callback = script.callback
            order.report = dict(script.report)
            self.orders[order.key] = order
        self.begin(order, script)
        return True

    def begin(self, order: A, script: Script) -> None:
        """What becomes of an order by itself: as scripted, as its payers always do, or late."""
        delay_s = self.options.callback_delay
        paid_at_once = script.drop_after or script.callback.before_response
        if outcome := script.outcome or (self.PAID if paid_at_once else None):
            self.decide(order, outcome, script.reason)
        elif self.options.auto == "approve":
            self.later.after(delay_s, lambda: self.decide(order, self.PAID, None))
        elif self.options.auto == "refuse":
            self.later.after(delay_s, lambda: self.decide(order, self.FAILED, self.REJECTED))
        if order.of is None:
            self.later.after(self.options.prompt_expires, lambda: self._expire(order))

    def decide(self, order: A, status: str, reason: Any) -> None:
        """The order's outcome; money moves once at most, however often it is decided."""
        with self.lock:
            order.status, order.reason = status, reason
            if status == self.PAID and not order.debits:
                order.debits += 1
                order.operator_id = self.new_operator_id()
        if not order.callback.before_response:
            self.later.after(order.callback.delay, lambda: self.tell(order))

    def tell(self, order: A) -> None:
        """Send the callbacks of an order that is decided."""
        if order.status != self.WAITING:
            for _ in range(order.callback.times):
                self.tell_once(order, order.callback)

    def tell_once(self, order: A, how: Callback) -> int | None:
        """Send one notice about an order, decided or not; gives the HTTP status that it met, 0 for no answer."""
        if order.callback_url is None:
            return None
        method = how.method or self.CALLBACK_METHOD
        body = json.dumps(without_none({**self.notice(order), **how.lie})).encode()
        headers = without_none({**self.notice_headers(method, order.callback_url, body), **how.headers})
        request = urllib.request.Request(order.callback_url, body, headers, method=method)
        try:
            with self._open.open(request, timeout=10) as answer:
                met = int(answer.status)
        except urllib.error.HTTPError as answer:
            met = answer.code
        except OSError:
            met = 0
        order.callback_answers.append(met)
        return met

    def left(self, of: A) -> Decimal:
        """What of a payment has not been given back, nor is about to be; nothing of what wasn't paid."""
        if of.of is not None or of.status != self.PAID:
            return Decimal(0)
        back = [one for one in list(self.orders.values()) if one.of == of.key and one.status != self.FAILED]
        return Decimal(of.amount) - sum((Decimal(one.amount) for one in back), Decimal(0))

    def _expire(self, order: A) -> None:
        if order.status == self.WAITING and not order.reason:
            self.decide(order, self.FAILED, self.EXPIRED)

    # The payers' side

    def prompts(self, payer: str | None = None) -> list[A]:
        """The orders whose PIN prompt stands on a phone, oldest first."""
        return [
            one
            for one in list(self.orders.values())
            if one.status == self.WAITING and not one.reason and not one.of and (not payer or one.payer == payer)
        ]

    def chosen(self, given: Body) -> A:
        """The order that a control call means."""
        if "key" in given:
            found = self.orders.get(given["key"])
        else:
            found = next(iter(self.prompts(str(given.get("payer", "")).removeprefix("+"))), None)
        if not found:
            raise Wrong(404, {"no such prompt": given})
        return found

    def prompt(self, order: A) -> Body:
        """What stands on the payer's phone."""
        return {
            "key": order.key,
            "payer": f"+{order.payer}",
            "amount": order.amount,
            "currency": order.currency,
            "text": f"{self.options.payee}: {order.amount} {order.currency}. PIN?",
        }

    def account(self) -> Body:
        """Everything, for whoever counts."""
        return {
            "calls": dict(self.calls),
            "requests": [
                {
                    "key": one.key,
                    "payer": f"+{one.payer}",
                    "sent": one.sent,
                    "status": one.status,
                    "operator_id": one.operator_id,
                    "asked": one.asked,
                    "debits": one.debits,
                    "callback_url": one.callback_url,
                    "callback_answers": one.callback_answers,
                    **self.extra(one),
                }
                for one in list(self.orders.values())
            ],
        }

    def reset(self) -> None:
        """Forget what was asked, counted and scripted."""
        with self.lock:
            self.orders.clear()
            self.scripts.clear()
            self.calls.clear()


class Handler(BaseHTTPRequestHandler):
    """One connection; ``operator`` is set on the class that the server is given. A stand-in writes :meth:`api`."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: kept connections don't wait for one another's acknowledgement.
    wbufsize = 64 * 1024
    operator: Any

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        """Answer a call to the operator, with :meth:`answer`, :meth:`conclude` or by raising :class:`Wrong`."""
        raise NotImplementedError

    def control(self, method: str, path: str, query: Query, given: Body) -> None:
        """Answer a ``/_play`` call that only this stand-in knows."""
        raise Wrong(404, {"no such page": path})

    def met(self, script: Script) -> bool:
        """Whether the script has already answered, in one way or the other, so that nothing may be done."""
        if script.drop_before:
            self.cut()
        elif script.http:
            time.sleep(script.slow)
            self._send(script.http, script.truncate)
        return script.drop_before or script.http is not None

    def conclude(self, script: Script, status: int, body: Any = None) -> None:
        """Answer, when all is done, as the script lets it."""
        time.sleep(script.slow)
        if script.drop_after:
            self.cut()
        else:
            self._send(script.fail_after or {"status": status, "body": body}, script.truncate)

    def _send(self, given: Body, truncate: bool) -> None:
        self.answer(given["status"], given.get("body"), given.get("headers", {}), truncate=truncate)

    def answer(
        self, status: int, body: Any = None, headers: Mapping[str, Any] | None = None, *, truncate: bool = False
    ) -> None:
        """``body`` is JSON, a text or bytes to be sent as they are, or None for an empty answer."""
        if body is None or isinstance(body, bytes):
            raw = body or b""
        else:
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if truncate:
            self.wfile.write(raw[: len(raw) // 2])
            self.wfile.flush()
            self.cut()
        else:
            self.wfile.write(raw)

    def cut(self) -> None:
        """Cut the connection without a word."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def setup(self) -> None:
        self.operator.calls["connections"] += 1
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: lines of requests hold numbers."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        to = urlsplit(self.path)
        query = parse_qs(to.query)
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_BODY_BYTES:
                raise Wrong(413, {})
            raw = self.rfile.read(length)
            if to.path.startswith("/_play/"):
                self._play(method, to.path.removeprefix("/_play/"), query, json_object(raw or b"{}"))
            else:
                self.api(method, to.path, query, raw)
        except Wrong as wrong:
            self.answer(wrong.status, wrong.body)

    def _play(self, method: str, path: str, query: Query, given: Body) -> None:
        operator = self.operator
        match method, path:
            case "POST", "script":
                script = Script.of(given)
                with operator.lock:
                    operator.scripts.append(script)
                self.answer(200, {})
            case "POST", "approve":
                order = operator.chosen(given)
                order.report.update(given.get("report", {}))
                operator.decide(order, operator.PAID, None)
                self.answer(200, {"key": order.key})
            case "POST", "refuse":
                order = operator.chosen(given)
                operator.decide(order, operator.FAILED, given.get("reason", operator.REJECTED))
                self.answer(200, {"key": order.key})
            case "POST", "tell":
                how = Callback(**{name: value for name, value in given.items() if name != "key"})
                self.answer(200, {"http": operator.tell_once(operator.chosen(given), how)})
            case "POST", "reset":
                operator.reset()
                self.answer(200, {})
            case "GET", "prompts":
                payer = query.get("payer", [""])[0].strip().removeprefix("+")
                self.answer(200, {"prompts": [operator.prompt(one) for one in operator.prompts(payer)]})
            case "GET", "requests":
                self.answer(200, operator.account())
            case _:
                self.control(method, path, query, given)


class Server(ThreadingHTTPServer):
    """Threads that don't outlive the process, and room for a burst of connections."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is part of the play; anything else is a defect and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def json_object(raw: bytes) -> Body:
    """The JSON object of a body; raises :class:`Wrong` with status 400."""
    try:
        found = json.loads(raw)
    except ValueError:
        raise Wrong(400, {"message": "not JSON"}) from None
    if not isinstance(found, dict):
        raise Wrong(400, {"message": "not an object"})
    return found


def without_none(given: Mapping[str, Any]) -> Body:
    """``given`` without the names that have no value."""
    return {name: value for name, value in given.items() if value is not None}


def arguments(module: str, doc: str | None) -> argparse.ArgumentParser:
    """The options that every stand-in has."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(doc or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--callback-delay", type=float, default=1.0, metavar="S", help="how long a payer takes")
    parser.add_argument("--auto", choices=("approve", "refuse", "manual"), default="approve", help="what payers do")
    parser.add_argument("--payee", default="MUTUELLE", help="the payee's name on the prompt")
    parser.add_argument("--prompt-expires", type=float, default=300.0, metavar="S")
    return parser


def serve(handler: type[Handler], operator: Operator[Any]) -> None:
    """Say ``ready http://127.0.0.1:N`` and serve until killed."""
    bound = type("BoundHandler", (handler,), {"operator": operator})
    server = Server(("127.0.0.1", operator.options.port), bound)
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
