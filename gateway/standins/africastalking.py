"""Plays Africa's Talking's SMS API by its documented facts, and breaks in the ways that networks and servers break.

``python -m gateway.standins.africastalking --port 0 --report-to URL`` prints ``ready http://127.0.0.1:PORT`` once it
listens. What it is asked for on ``/_play/…``:

``GET /_play/sent``      what it accepted: ``[{"id", "to", "from", "message", "at", "connection", "cost"}]``;
                         ``?first=1000&most=500`` gives some of it
``GET /_play/bill``      ``{"requests", "recipients", "accepted", "costs": {"XOF 12.0000": how many}, "sums_e4":
                         {"XOF": ten-thousandths}, "numbers": {"+229…": how many}, "faults": {kind: how many}}``
``POST /_play/script``   what happens next: ``{"next": [BEHAVIOUR, …], "numbers": {"+229…": BEHAVIOUR}}``
``POST /_play/report``   post a delivery report now: ``{"id", "status", "phoneNumber", "failureReason"}``; answers
                         ``{"http": 200}``, the status it got
``POST /_play/reset``    forget what was sent and what was scripted

A BEHAVIOUR is an object of any of: ``code`` (a recipient's status code), ``slow`` (seconds between accepting and
answering), ``drop_before`` and ``drop_after`` (the connection breaks without an answer, before or after the message was
accepted), ``http`` (an HTTP status instead of an answer, nothing accepted), ``empty_recipients`` (no recipient, this
``Message``), ``text_answer`` (this text, as text/plain), ``leave_out`` (so many of those that were sent to aren't in
the answer), ``reports`` (the statuses that are reported; ``[]``: none). Of a number of several in one request only its
``code`` counts.

``--faults 0.03 --seed 7`` makes that share of all requests go wrong as networks and servers do (:data:`FAULTS`), and
gives that share of the recipients of the others a code of :data:`FAULT_CODES`. What happens to a request follows from
the seed, its numbers and how often they were named before, and not from what else goes on. ``--report-faults SHARE``
does the same with the reports: lost, late, twice, out of order. What is scripted happens whatever the seed says.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import itertools
import json
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

# docs.africastalking.com/sms: a recipient's status codes.
WORDS = {
    100: "Processed", 101: "Sent", 102: "Queued", 401: "RiskHold", 402: "InvalidSenderId", 403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType", 405: "InsufficientBalance", 406: "UserInBlacklist", 407: "CouldNotRoute",
    409: "DoNotDisturbRejection", 500: "InternalServerError", 501: "GatewayError", 502: "RejectedByGateway",
}  # fmt: skip
ACCEPTED = (100, 101, 102)
COST = "XOF 12.0000"
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
# A report that isn't answered with 200 is posted again.
REPORT_TRIES, REPORT_PAUSE_S = 5, 1.0
REPORTERS = 4  # reports that are posted at a time

# How a request goes wrong, each with how many of twenty times it does: a server that hangs is the rarest.
FAULTS = {
    "drop_before": 3,
    "drop_after": 3,
    "http_500": 3,
    "http_429": 3,
    "html": 2,  # a gateway's error page, after the message was accepted
    "text": 2,  # accepted, and answered with a word that isn't JSON
    "leave_out": 2,
    "no_credit": 1,  # it runs out in the middle of the request
    "slow": 1,
}
_FAULTS = [kind for kind, times in FAULTS.items() for _ in range(times)]
FAULT_CODES = (403, 406, 500, 501)
HTML = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
NO_CREDIT = 405
REPORT_FAULTS = ("lost", "late", "twice", "out of order")

Behaviour = dict[str, Any]


def chance(*of: object) -> float:
    """A number from 0 to 1 that is always the same of the same."""
    digest = hashlib.blake2b(":".join(map(str, of)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


@dataclass
class Play:
    """What the stand-in has seen, and what it was told to do."""

    report_to: str
    report_after_s: float
    api_key: str
    faults: float = 0.0
    seed: int = 1
    slow_s: float = 12.0
    report_faults: float = 0.0
    most_per_s: int = 0
    cost: str = COST
    sent: list[dict[str, Any]] = field(default_factory=list)
    next: deque[Behaviour] = field(default_factory=deque)
    numbers: dict[str, Behaviour] = field(default_factory=dict)
    requests: int = 0
    recipients: int = 0
    named: Counter[str] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _second: tuple[int, int] = (0, 0)
    _ids: itertools.count[int] = field(default_factory=itertools.count)
    _run: str = field(default_factory=lambda: hashlib.blake2b(str(time.time_ns()).encode(), digest_size=12).hexdigest())
    _reports: list[tuple[float, int, dict[str, str], int]] = field(default_factory=list)
    _reported: threading.Condition = field(default_factory=threading.Condition)

    def behaviour(self, numbers: list[str]) -> Behaviour:
        """What happens to a request for these numbers: the next scripted turn, what its number always gets, or what
        the seed says."""
        with self.lock:
            self.requests += 1
            self.recipients += len(numbers)
            if self.next:
                return self.next.popleft()
            scripted = self.numbers.get(",".join(numbers))
            if scripted is not None:
                return scripted
            if self._throttled(len(numbers)):
                return {"http": 429}
            if not self.faults:
                return {}
            times = self.named[numbers[0]]
            self.named.update(numbers)
            does = self._fault(numbers, times)
            self.faulty.update(does.get("kinds", ()))
            return does

    def _throttled(self, recipients: int) -> bool:
        if not self.most_per_s:
            return False
        second, taken = self._second
        taken = taken if second == int(time.monotonic()) else 0
        if taken and taken + recipients > self.most_per_s:
            return True
        self._second = int(time.monotonic()), taken + recipients
        return False

    def _fault(self, numbers: list[str], times: int) -> Behaviour:
        drawn = chance(self.seed, times, *numbers)
        if drawn >= self.faults:
            return self._fault_of_recipients(numbers)
        kind = _FAULTS[int(drawn / self.faults * len(_FAULTS))]
        does = self._does(kind, len(numbers))
        return does | {"kinds": [kind]}

    def _does(self, kind: str, count: int) -> Behaviour:
        match kind:
            case "http_500" | "http_429":
                return {"http": int(kind.removeprefix("http_"))}
            case "html":
                return {"html_answer": HTML}
            case "text":
                return {"text_answer": "OK"}
            case "leave_out":
                return {"leave_out": 1}
            case "no_credit":
                return {"codes": dict.fromkeys(range(count // 2, count), NO_CREDIT)}
            case "slow":
                return {"slow": self.slow_s}
        return {kind: True}

    def _fault_of_recipients(self, numbers: list[str]) -> Behaviour:
        codes = {}
        for place, number in enumerate(numbers):
            drawn = chance(self.seed, self.named[number], number)
            if drawn < self.faults:
                codes[place] = FAULT_CODES[int(drawn / self.faults * len(FAULT_CODES))]
        return {"codes": codes, "kinds": [f"code_{code}" for code in codes.values()]} if codes else {}

    def accept(self, numbers: list[str], form: dict[str, str], connection: int) -> list[str]:
        """Take a message for some numbers; returns their ids."""
        at = datetime.now(UTC).isoformat()
        with self.lock:
            ids = [f"ATXid_{self._run}{next(self._ids):08x}" for _ in numbers]
            self.sent += [
                {
                    "id": its_id,
                    "to": to,
                    "from": form.get("from"),
                    "message": form["message"],
                    "at": at,
                    "connection": connection,
                    "cost": self.cost,
                }
                for its_id, to in zip(ids, numbers, strict=True)
            ]
        return ids

    def bill(self) -> dict[str, Any]:
        """What everybody who was sent to cost."""
        with self.lock:
            costs = Counter(one["cost"] for one in self.sent)
            sums: Counter[str] = Counter()
            for cost, times in costs.items():
                currency, amount = cost.split()
                sums[currency] += times * int(Decimal(amount) * 10_000)
            return {
                "requests": self.requests,
                "recipients": self.recipients,
                "accepted": len(self.sent),
                "costs": costs,
                "sums_e4": sums,
                "numbers": Counter(one["to"] for one in self.sent),
                "faults": self.faulty,
            }

    def forget(self) -> None:
        """Nothing was sent, and nothing counted."""
        with self.lock:
            self.sent.clear()
            self.named.clear()
            self.faulty.clear()
            self.requests = self.recipients = 0

    # Reports

    def report_later(self, message_id: str, to: str, statuses: list[str]) -> None:
        """Post these reports one after the other, once the usual time has passed; or as chance has it."""
        if not self.report_to or not statuses:
            return
        after_s, pause_s = self.report_after_s, 0.1 if len(statuses) > 1 else 0.0
        drawn = chance(self.seed, "report", message_id)
        if drawn < self.report_faults:
            match REPORT_FAULTS[int(drawn / self.report_faults * len(REPORT_FAULTS))]:
                case "lost":
                    return
                case "late":
                    after_s += 10 * self.report_after_s + 5.0
                case "twice":
                    statuses = [*statuses, *statuses]
                case "out of order":
                    statuses = [*statuses, "Sent"]
        for place, status in enumerate(statuses):
            fields = {"id": message_id, "status": status, "phoneNumber": to, "networkCode": "99999"}
            self._post_at(time.monotonic() + after_s + place * pause_s, fields, REPORT_TRIES)

    def _post_at(self, at_s: float, fields: dict[str, str], tries: int) -> None:
        with self._reported:
            heapq.heappush(self._reports, (at_s, next(self._ids), fields, tries))
            self._reported.notify()

    def post_reports(self) -> None:
        """Post reports as they fall due, for ever."""
        while True:
            with self._reported:
                while not self._reports or self._reports[0][0] > time.monotonic():
                    self._reported.wait(self._reports[0][0] - time.monotonic() if self._reports else None)
                _, _, fields, tries = heapq.heappop(self._reports)
            if self.report(fields) != 200 and tries > 1:
                self._post_at(time.monotonic() + REPORT_PAUSE_S, fields, tries - 1)

    def report(self, fields: dict[str, str]) -> int:
        """Post one delivery report; returns the HTTP status, 0 when nobody answered or there is nowhere to post to."""
        if not self.report_to:
            return 0
        request = urllib.request.Request(self.report_to, data=urlencode(fields).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two would wait for each other on a kept connection
    play: Play

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/_play/sent":
            given = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
            first, most = given.get("first", 0), given.get("most", len(self.play.sent))
            with self.play.lock:
                some = self.play.sent[first : first + most]
            self._json(200, some)
        elif asked.path == "/_play/bill":
            self._json(200, self.play.bill())
        else:
            self._text(404, "no such page")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/version1/messaging":
            self._messaging({name: values[0] for name, values in parse_qs(body.decode()).items()})
        elif self.path.startswith("/_play/"):
            self._control(self.path.removeprefix("/_play/"), json.loads(body or b"{}"))
        else:
            self._text(404, "no such page")

    def _control(self, what: str, given: dict[str, Any]) -> None:
        if what == "report":
            self._json(200, {"http": self.play.report({name: str(value) for name, value in given.items()})})
            return
        if what not in ("script", "reset"):
            self._text(404, "no such page")
            return
        with self.play.lock:
            self.play.next = deque(given.get("next", ()))
            self.play.numbers = dict(given.get("numbers", {}))
        if what == "reset":
            self.play.forget()
        self._json(200, {})

    def _messaging(self, form: dict[str, str]) -> None:
        given_key = self.headers.get("apiKey", "")
        if not given_key or (self.play.api_key and given_key != self.play.api_key):
            self._text(401, "The supplied authentication is invalid")
            return
        missing = [name for name in ("username", "to", "message") if not form.get(name)]
        if missing:
            self._text(400, f"Request is missing required form field '{missing[0]}'")
            return
        does = self.play.behaviour(form["to"].split(","))
        if does.get("drop_before"):
            self._drop()
        elif "http" in does:
            self._text(int(does["http"]), f"the request for {form['to']} was not taken")
        elif "empty_recipients" in does:
            self._json(201, _answer(str(does["empty_recipients"]), []))
        else:
            self._take(form, does)

    def _take(self, form: dict[str, str], does: Behaviour) -> None:
        numbers = form["to"].split(",")
        codes = [self._code(place, to, does) for place, to in enumerate(numbers)]
        taken = [to for to, code in zip(numbers, codes, strict=True) if code in ACCEPTED]
        ids = iter(self.play.accept(taken, form, self.client_address[1]))
        recipients = []
        for to, code in zip(numbers, codes, strict=True):
            recipient = {"statusCode": code, "number": to, "status": WORDS.get(code, "Unheard"), "cost": "0"}
            recipient["messageId"] = "None"
            if code in ACCEPTED:
                recipient |= {"cost": self.play.cost, "messageId": next(ids)}
                self.play.report_later(str(recipient["messageId"]), to, does.get("reports", ["Success"]))
            recipients.append(recipient)
        if "slow" in does:
            time.sleep(float(does["slow"]))
        recipients = recipients[: len(recipients) - int(does.get("leave_out", 0))]
        if does.get("drop_after"):
            self._drop()
        elif "text_answer" in does:
            self._text(200, str(does["text_answer"]))
        elif "html_answer" in does:
            self._write(502, "text/html", str(does["html_answer"]))
        else:
            said = f"Sent to {len(taken)}/{len(recipients)} Total Cost: {self.play.cost if taken else 0}"
            self._json(201, _answer(said, recipients))

    def _code(self, place: int, to: str, does: Behaviour) -> int:
        """A recipient's status code."""
        if not NUMBER.fullmatch(to):
            return 403
        if "codes" in does:
            return int(does["codes"].get(place, 101))
        return int((does or self.play.numbers.get(to, {})).get("code", 101))

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, status: int, value: object) -> None:
        self._write(status, "application/json", json.dumps(value))

    def _text(self, status: int, text: str) -> None:
        self._write(status, "text/plain; charset=utf-8", text)

    def _write(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if 300 <= status < 400:
            self.send_header("Location", self.path)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what was sent is asked for, not read from a log."""


class Server(ThreadingHTTPServer):
    """Takes a caller that hangs up for what it is: a part of the play."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _answer(message: str, recipients: list[dict[str, Any]]) -> dict[str, Any]:
    return {"SMSMessageData": {"Message": message, "Recipients": recipients}}


def main() -> None:
    """Listen until stopped."""
    arguments = argparse.ArgumentParser(description="Plays Africa's Talking's SMS API.")
    arguments.add_argument("--port", type=int, default=0, help="0: any free one")
    arguments.add_argument("--report-to", default="", metavar="URL", help="where delivery reports are posted")
    arguments.add_argument("--report-after", type=float, default=0.5, metavar="SECONDS", help="after accepting")
    arguments.add_argument("--api-key", default="", help="the only key that is accepted; default: any")
    arguments.add_argument("--faults", type=float, default=0.0, metavar="SHARE", help="of requests that go wrong")
    arguments.add_argument("--seed", type=int, default=1, help="which ones")
    arguments.add_argument("--slow-s", type=float, default=12.0, metavar="SECONDS", help="how long a slow answer takes")
    arguments.add_argument("--report-faults", type=float, default=0.0, metavar="SHARE", help="of reports that go wrong")
    arguments.add_argument("--most-per-second", type=int, default=0, metavar="N", help="429 above it; 0: any number")
    arguments.add_argument("--cost", default=COST, help='what a message costs; default: "%(default)s"')
    given = arguments.parse_args()
    play = Handler.play = Play(
        given.report_to,
        given.report_after,
        given.api_key,
        given.faults,
        given.seed,
        given.slow_s,
        given.report_faults,
        given.most_per_second,
        given.cost,
    )
    if given.report_to:
        for _ in range(REPORTERS):
            threading.Thread(target=play.post_reports, daemon=True).start()
    server = Server(("127.0.0.1", given.port), Handler)
    print(f"ready http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
