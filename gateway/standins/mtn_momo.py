"""Plays MTN MoMo's Collections API, its payers' phones and its bad days, in a process of its own.

``python -m gateway.standins.mtn_momo --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. What
it holds is gone with it. It answers as momodeveloper.mtn.com describes the API: tokens, ``requesttopay`` with its
checks and its 409, the status, ``accountholder``, the balance, and the sandbox's provisioning of API users and its
test payers. A callback is sent once, unsigned. ``/_play`` is not MTN's: it is how tests and the demonstration act as
the payers and as the network.

=============================  =======================================================================================
``POST /_play/script``         what the next call (or the next of one ``payer``) meets: see :class:`Script`
``POST /_play/approve``        ``{key | payer, report?}``: the payer types the PIN; by ``key`` also after a failure
``POST /_play/refuse``         ``{key | payer, reason?}``
``POST /_play/revoke-tokens``  every token given so far is refused from now on
``POST /_play/reset``          forget what was asked, counted and scripted
``GET /_play/prompts``         the PIN prompts that stand on phones now (``?payer=`` for one phone)
``GET /_play/tokens``          every token that was given, to look for in logs
``GET /_play/requests``        every request to pay with its debits, and how often each call was made
=============================  =======================================================================================
"""

from __future__ import annotations

import argparse
import base64
import heapq
import json
import re
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Body = dict[str, Any]

# The keys that it accepts unless others are given or provisioned: no secret of anybody's.
API_USER = "11111111-1111-4111-8111-111111111111"
API_KEY = "standin-api-key"
SUBSCRIPTION_KEY = "standin-subscription-key"

# The currency that each target environment takes.
CURRENCIES = {
    "sandbox": "EUR",
    "mtnbenin": "XOF",
    "mtncameroon": "XAF",
    "mtncongo": "XAF",
    "mtnguineaconakry": "GNF",
    "mtnivorycoast": "XOF",
    "mtnrwanda": "RWF",
}

# The sandbox's test payers: what the status says, or the HTTP error that answers the request itself.
FATES: dict[str, tuple[str, str]] = {
    "46733123450": ("FAILED", "INTERNAL_PROCESSING_ERROR"),
    "46733123451": ("FAILED", "APPROVAL_REJECTED"),
    "46733123452": ("FAILED", "EXPIRED"),
    "46733123453": ("PENDING", "ONGOING"),
    "46733123454": ("PENDING", "DELAYED"),
    "46733123455": ("FAILED", "PAYER_NOT_FOUND"),
    "46733123456": ("FAILED", "PAYEE_NOT_ALLOWED_TO_RECEIVE"),
    "46733123463": ("FAILED", "COULD_NOT_PERFORM_TRANSACTION"),
    "46733123464": ("FAILED", "TRANSFER_TYPE_UNKNOWN"),
}
REFUSALS: dict[str, tuple[int, str]] = {
    "46733123457": (500, "NOT_ALLOWED"),
    "46733123458": (500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
    "46733123459": (500, "INVALID_CALLBACK_URL_HOST"),
    "46733123460": (500, "INVALID_CURRENCY"),
    "46733123461": (500, "INTERNAL_PROCESSING_ERROR"),
    "46733123462": (503, "SERVICE_UNAVAILABLE"),
}
DELAYED_S = 5.0  # after which the payer who is DELAYED has paid

MAX_BODY_BYTES = 256 * 1024  # a script may hold an answer that is too large for its reader
_PLAIN = re.compile(r"[A-Za-z0-9 .,_-]*")


class Wrong(Exception):
    """An answer of MTN's that is an error."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message or code.replace("_", " ").lower()}


@dataclass(frozen=True)
class Callback:
    """How the outcome is told, ``delay`` seconds after it: ``lie`` replaces fields of the notice.

    With ``before_response`` it overtakes the 202 of an order that is decided at once (SUCCESSFUL, unless scripted).
    """

    times: int = 1
    method: str = "POST"
    delay: float = 0.0
    before_response: bool = False
    lie: Body = field(default_factory=dict)


@dataclass
class Script:
    """What the next ``times`` calls meet; ``on`` is ``requesttopay``, ``status`` or ``token``.

    ``http`` (``{status, body, headers}``) answers instead and does nothing. ``drop_before`` cuts the connection with
    nothing done; ``drop_after`` cuts it when the order is recorded and, unless ``outcome`` says otherwise, debited.
    ``slow`` waits so many seconds before the answer. ``outcome`` decides at once (any word, known to MTN or not) with
    ``reason``; ``report`` replaces fields of the status (None takes one away).
    """

    on: str = "requesttopay"
    payer: str | None = None
    times: int = 1
    http: Body | None = None
    drop_before: bool = False
    drop_after: bool = False
    slow: float = 0.0
    outcome: str | None = None
    reason: Any = None
    report: Body = field(default_factory=dict)
    callback: Callback = field(default_factory=Callback)
    token_expires_in: int | None = None

    @classmethod
    def of(cls, given: Body) -> Script:
        """Read a script strictly: a misspelt word must not make a test pass."""
        values = dict(given)
        callback = values.pop("callback", {})
        if unknown := (values.keys() - {one.name for one in fields(cls)}) | (
            callback.keys() - {one.name for one in fields(Callback)}
        ):
            raise Wrong(400, "NO_SUCH_WORD", ", ".join(sorted(unknown)))
        if values.get("payer"):
            values["payer"] = values["payer"].removeprefix("+")
        return cls(**values, callback=Callback(**callback))


@dataclass
class Asked:
    """A request to pay that was taken."""

    key: str
    payer: str
    body: Body
    callback_url: str | None
    callback: Callback
    at: float
    status: str = "PENDING"
    reason: Any = None
    operator_id: str | None = None
    report: Body = field(default_factory=dict)
    asked: int = 1
    debits: int = 0
    callback_answers: list[int] = field(default_factory=list)

    def shown(self) -> Body:
        """The status as MTN's GET and callback show it."""
        given = {"financialTransactionId": self.operator_id, "status": self.status, "reason": self.reason}
        found = {**self.body, **given, **self.report}
        return {name: value for name, value in found.items() if value is not None}


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


class Operator:
    """The wallets, the orders and what was scripted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.later = Later()
        self.calls: Counter[str] = Counter()
        self.orders: dict[str, Asked] = {}
        self.scripts: list[Script] = []
        self.users: dict[str, str] = {options.api_user: options.api_key}
        self.callback_hosts: dict[str, str] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.given: list[str] = []
        # Beyond what an earlier run has given out: its transactions may still stand in a ledger.
        self._operator_ids = iter(range(time.time_ns() // 1_000_000, 1 << 62))
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({}))

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

    # Tokens and users

    def token(self, authorization: str, script: Script) -> Body:
        try:
            user, _, key = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
        except ValueError:
            raise Wrong(401, "INVALID_CREDENTIALS") from None
        if self.users.get(user) != key:
            raise Wrong(401, "INVALID_CREDENTIALS")
        life_s = self.options.token_lifetime if script.token_expires_in is None else script.token_expires_in
        value = secrets.token_hex(32)
        self.tokens[value] = (user, time.monotonic() + life_s)
        self.given.append(value)
        return {"access_token": value, "token_type": "access_token", "expires_in": life_s}

    def user_of(self, authorization: str) -> str:
        user, until = self.tokens.get(authorization.removeprefix("Bearer "), ("", 0.0))
        if not authorization.startswith("Bearer ") or time.monotonic() >= until:
            raise Wrong(401, "INVALID_TOKEN")
        return user

    def add_user(self, name: str, callback_host: str) -> None:
        if name in self.users:
            raise Wrong(409, "RESOURCE_ALREADY_EXIST")
        self.users[name] = ""
        self.callback_hosts[name] = callback_host

    def key_of(self, name: str) -> Body:
        if name not in self.users:
            raise Wrong(404, "RESOURCE_NOT_FOUND")
        self.users[name] = secrets.token_hex(16)
        return {"apiKey": self.users[name]}

    # Requests to pay

    def take(self, key: str, body: Body, callback_url: str | None, user: str, script: Script) -> Asked:
        """Take a request to pay, or raise what MTN answers instead."""
        _check_uuid4(key)
        self._check_body(body)
        self._check_callback(callback_url, user)
        payer = body["payer"]["partyId"]
        sandbox = self.options.target_environment == "sandbox"
        if sandbox and payer in REFUSALS:
            raise Wrong(*REFUSALS[payer])
        with self.lock:
            if key in self.orders:
                self.orders[key].asked += 1
                raise Wrong(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.")
            order = Asked(key, payer, body, callback_url, script.callback, time.monotonic(), report=script.report)
            self.orders[key] = order
        self._begin(order, script, FATES.get(payer) if sandbox else None)
        return order

    def _begin(self, order: Asked, script: Script, fate: tuple[str, str] | None) -> None:
        delay_s = self.options.callback_delay
        paid_at_once = script.drop_after or script.callback.before_response
        outcome = script.outcome or ("SUCCESSFUL" if paid_at_once else None)
        if outcome:
            self.decide(order, outcome, script.reason)
        elif fate:
            order.reason = fate[1]
            if fate[1] == "DELAYED":
                self.later.after(DELAYED_S, lambda: self.decide(order, "SUCCESSFUL", None))
            elif fate[0] != "PENDING":
                self.later.after(delay_s, lambda: self.decide(order, *fate))
        elif self.options.auto == "approve":
            self.later.after(delay_s, lambda: self.decide(order, "SUCCESSFUL", None))
        elif self.options.auto == "refuse":
            self.later.after(delay_s, lambda: self.decide(order, "FAILED", "APPROVAL_REJECTED"))
        self.later.after(self.options.prompt_expires, lambda: self._expire(order))

    def _check_body(self, body: Body) -> None:
        amount, payer = str(body.get("amount")), body.get("payer")
        if not isinstance(body.get("amount"), str) or not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", amount):
            raise Wrong(400, "BAD_REQUEST", "amount")
        if not isinstance(payer, dict) or payer.get("partyIdType") != "MSISDN":
            raise Wrong(400, "BAD_REQUEST", "payer")
        if not re.fullmatch(r"[1-9]\d{7,14}", str(payer.get("partyId"))):
            raise Wrong(400, "BAD_REQUEST", "partyId")
        if body.get("currency") != CURRENCIES.get(self.options.target_environment):
            raise Wrong(500, "INVALID_CURRENCY", "Currency not supported.")
        for name in ("payerMessage", "payeeNote"):
            text = body.get(name)
            if not isinstance(text, str) or not text:
                raise Wrong(500, "INTERNAL_PROCESSING_ERROR")
            if len(text) > 160 or not _PLAIN.fullmatch(text):
                raise Wrong(400, "BAD_REQUEST", name)

    def _check_callback(self, url: str | None, user: str) -> None:
        if url is None:
            return
        to = urlsplit(url)
        if not to.hostname or not (to.scheme == "https" or (to.scheme == "http" and to.hostname == "127.0.0.1")):
            raise Wrong(400, "BAD_REQUEST", "X-Callback-Url")
        if to.hostname != self.callback_hosts.get(user, to.hostname):
            raise Wrong(500, "INVALID_CALLBACK_URL_HOST")

    def decide(self, order: Asked, status: str, reason: Any) -> None:
        """The order's outcome; money moves once at most, however often it is decided."""
        with self.lock:
            order.status, order.reason = status, reason
            if status == "SUCCESSFUL" and not order.debits:
                order.debits += 1
                order.operator_id = str(next(self._operator_ids))
        if not order.callback.before_response:
            self.later.after(order.callback.delay, lambda: self.tell(order))

    def tell(self, order: Asked) -> None:
        """Send the callbacks of an order that is decided."""
        if order.callback_url is None or order.status == "PENDING":
            return
        body = json.dumps({**order.shown(), **order.callback.lie}).encode()
        for _ in range(order.callback.times):
            request = urllib.request.Request(
                order.callback_url, body, {"Content-Type": "application/json"}, method=order.callback.method
            )
            try:
                with self._open.open(request, timeout=10) as answer:
                    order.callback_answers.append(answer.status)
            except urllib.error.HTTPError as answer:
                order.callback_answers.append(answer.code)
            except OSError:
                order.callback_answers.append(0)

    def _expire(self, order: Asked) -> None:
        if order.status == "PENDING" and not order.reason:
            self.decide(order, "FAILED", "COULD_NOT_PERFORM_TRANSACTION")

    # The payers' side

    def prompts(self, payer: str | None = None) -> list[Asked]:
        """The orders whose PIN prompt stands on a phone, oldest first."""
        return [
            one
            for one in list(self.orders.values())
            if one.status == "PENDING" and not one.reason and (not payer or one.payer == payer)
        ]

    def chosen(self, given: Body) -> Asked:
        """The order that a control call means."""
        if "key" in given:
            found = self.orders.get(given["key"])
        else:
            found = next(iter(self.prompts(str(given.get("payer", "")).removeprefix("+"))), None)
        if not found:
            raise Wrong(404, "RESOURCE_NOT_FOUND", "no such prompt")
        return found

    def balance(self) -> Body:
        total = sum((Decimal(one.body["amount"]) for one in list(self.orders.values()) if one.debits), Decimal(0))
        return {"availableBalance": str(total), "currency": CURRENCIES.get(self.options.target_environment)}

    def account(self) -> Body:
        """Everything, for whoever counts."""
        return {
            "calls": dict(self.calls),
            "requests": [
                {
                    "key": one.key,
                    "payer": f"+{one.payer}",
                    "sent": one.body,
                    "status": one.status,
                    "operator_id": one.operator_id,
                    "asked": one.asked,
                    "debits": one.debits,
                    "callback_url": one.callback_url,
                    "callback_answers": one.callback_answers,
                }
                for one in list(self.orders.values())
            ],
        }


class Handler(BaseHTTPRequestHandler):
    """One connection; ``operator`` is set on the class that the server is given."""

    protocol_version = "HTTP/1.1"
    wbufsize = (
        64 * 1024
    )  # headers and body in one packet: kept connections don't wait for one another's acknowledgement
    operator: Operator

    def setup(self) -> None:
        self.operator.calls["connections"] += 1
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: lines of requests hold numbers."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        to = urlsplit(self.path)
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_BODY_BYTES:
                raise Wrong(413, "TOO_LARGE")
            raw = self.rfile.read(length)
            if to.path.startswith("/_play/"):
                self._play(method, to.path, parse_qs(to.query), _object(raw))
            else:
                self._api(method, to.path, raw)
        except Wrong as wrong:
            self._answer(wrong.status, wrong.body)

    def _api(self, method: str, path: str, raw: bytes) -> None:
        operator = self.operator
        match method, path.strip("/").split("/"):
            case "POST", ["v1_0", "apiuser"]:
                self._check_subscription()
                name = _check_uuid4(self.headers.get("X-Reference-Id", ""))
                operator.add_user(name, str(_object(raw).get("providerCallbackHost", "")))
                self._answer(201)
            case "POST", ["v1_0", "apiuser", name, "apikey"]:
                self._check_subscription()
                self._answer(201, operator.key_of(name))
            case "POST", ["collection", "token"]:
                self._token()
            case "POST", ["collection", "v1_0", "requesttopay"]:
                self._request_to_pay(raw)
            case "GET", ["collection", "v1_0", "requesttopay", key]:
                self._status(key)
            case "GET", ["collection", "v1_0", "accountholder", "msisdn", number, "active"]:
                self._check_caller("active")
                self._answer(200, {"result": FATES.get(number, ("", ""))[1] != "PAYER_NOT_FOUND"})
            case "GET", ["collection", "v1_0", "account", "balance"]:
                self._check_caller("balance")
                self._answer(200, operator.balance())
            case _:
                self._answer(404, {"statusCode": 404, "message": "Resource not found"})

    def _token(self) -> None:
        self.operator.calls["token"] += 1
        script = self.operator.script_for("token")
        if self._met(script):
            return
        self._check_subscription()
        body = self.operator.token(self.headers.get("Authorization", ""), script)
        time.sleep(script.slow)
        self._answer(200, body)

    def _request_to_pay(self, raw: bytes) -> None:
        self.operator.calls["requesttopay"] += 1
        body = _object(raw)
        payer = body.get("payer")
        script = self.operator.script_for("requesttopay", payer.get("partyId") if isinstance(payer, dict) else None)
        if self._met(script):
            return
        user = self._check_caller()
        key, url = self.headers.get("X-Reference-Id", ""), self.headers.get("X-Callback-Url")
        order = self.operator.take(key, body, url, user, script)
        if script.callback.before_response:
            self.operator.tell(order)
        time.sleep(script.slow)
        if script.drop_after:
            self._cut()
        else:
            self._answer(202)

    def _status(self, key: str) -> None:
        self.operator.calls["status"] += 1
        script = self.operator.script_for("status")
        if self._met(script):
            return
        self._check_caller()
        time.sleep(script.slow)
        order = self.operator.orders.get(key)
        if not order:
            raise Wrong(404, "RESOURCE_NOT_FOUND", "Requested resource was not found.")
        self._answer(200, {**order.shown(), **script.report})

    def _met(self, script: Script) -> bool:
        """Whether the script has already answered, in one way or the other."""
        if script.drop_before:
            self._cut()
        elif script.http:
            time.sleep(script.slow)
            self._answer(script.http["status"], script.http.get("body"), script.http.get("headers", {}))
        return script.drop_before or script.http is not None

    def _check_subscription(self) -> None:
        if self.headers.get("Ocp-Apim-Subscription-Key") != self.operator.options.subscription_key:
            raise Wrong(401, "ACCESS_DENIED", "Access denied due to invalid subscription key.")

    def _check_caller(self, counted: str | None = None) -> str:
        if counted:
            self.operator.calls[counted] += 1
        self._check_subscription()
        user = self.operator.user_of(self.headers.get("Authorization", ""))
        if self.headers.get("X-Target-Environment") != self.operator.options.target_environment:
            raise Wrong(500, "NOT_ALLOWED_TARGET_ENVIRONMENT")
        return user

    def _play(self, method: str, path: str, query: dict[str, list[str]], given: Body) -> None:
        operator = self.operator
        match method, path:
            case "POST", "/_play/script":
                script = Script.of(given)
                with operator.lock:
                    operator.scripts.append(script)
                self._answer(200, {})
            case "POST", "/_play/approve":
                order = operator.chosen(given)
                order.report.update(given.get("report", {}))
                operator.decide(order, "SUCCESSFUL", None)
                self._answer(200, {"key": order.key})
            case "POST", "/_play/refuse":
                order = operator.chosen(given)
                operator.decide(order, "FAILED", given.get("reason", "APPROVAL_REJECTED"))
                self._answer(200, {"key": order.key})
            case "POST", "/_play/revoke-tokens":
                operator.tokens.clear()
                self._answer(200, {})
            case "GET", "/_play/tokens":
                self._answer(200, {"tokens": operator.given})
            case "POST", "/_play/reset":
                with operator.lock:
                    operator.orders.clear()
                    operator.scripts.clear()
                    operator.calls.clear()
                self._answer(200, {})
            case "GET", "/_play/prompts":
                payer = query.get("payer", [""])[0].strip().removeprefix("+")
                self._answer(200, {"prompts": [self._prompt(one) for one in operator.prompts(payer)]})
            case "GET", "/_play/requests":
                self._answer(200, operator.account())
            case _:
                raise Wrong(404, "RESOURCE_NOT_FOUND")

    def _prompt(self, order: Asked) -> Body:
        """What stands on the phone; neither message of the request is shown there."""
        amount, currency = order.body["amount"], order.body["currency"]
        return {
            "key": order.key,
            "payer": f"+{order.payer}",
            "amount": amount,
            "currency": currency,
            "text": f"{self.operator.options.payee}: {amount} {currency}. PIN?",
        }

    def _answer(self, status: int, body: Any = None, headers: Body | None = None) -> None:
        """``body`` is JSON, a text to be sent as it is, or None for an empty answer."""
        raw = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _cut(self) -> None:
        """Cut the connection without a word."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    """Threads that don't outlive the process, and room for a burst of connections."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is part of the play; anything else is a defect and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _object(raw: bytes) -> Body:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        raise Wrong(400, "BAD_REQUEST", "not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "BAD_REQUEST", "not an object")
    return found


def _check_uuid4(text: str) -> str:
    try:
        right = uuid.UUID(text).version == 4
    except ValueError:
        right = False
    if not right:
        raise Wrong(400, "BAD_REQUEST", "X-Reference-Id must be a UUID of version 4")
    return text


def main(arguments: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m gateway.standins.mtn_momo", description=(__doc__ or "")[:82])
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--callback-delay", type=float, default=1.0, metavar="S", help="how long a payer takes")
    parser.add_argument("--auto", choices=("approve", "refuse", "manual"), default="approve", help="what payers do")
    parser.add_argument("--target-environment", choices=sorted(CURRENCIES), default="sandbox")
    parser.add_argument("--payee", default="MUTUELLE", help="the payee's name on the prompt")
    parser.add_argument("--api-user", default=API_USER)
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--subscription-key", default=SUBSCRIPTION_KEY)
    parser.add_argument("--token-lifetime", type=int, default=3600, metavar="S")
    parser.add_argument("--prompt-expires", type=float, default=300.0, metavar="S")
    options = parser.parse_args(arguments)
    handler = type("BoundHandler", (Handler,), {"operator": Operator(options)})
    server = Server(("127.0.0.1", options.port), handler)
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
