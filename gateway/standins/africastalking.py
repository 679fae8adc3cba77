"""Plays Africa's Talking's SMS API by its documented facts, and breaks in the ways that networks and servers break.

``python -m gateway.standins.africastalking --port 0 --report-to URL`` prints ``ready http://127.0.0.1:PORT`` once it
listens. What it is asked for on ``/_play/…``:

``GET /_play/sent``      what it accepted: ``[{"id", "to", "from", "message", "at", "connection"}]``
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
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

# docs.africastalking.com/sms: a recipient's status codes.
WORDS = {
    100: "Processed", 101: "Sent", 102: "Queued", 401: "RiskHold", 402: "InvalidSenderId", 403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType", 405: "InsufficientBalance", 406: "UserInBlacklist", 407: "CouldNotRoute",
    409: "DoNotDisturbRejection", 500: "InternalServerError", 501: "GatewayError", 502: "RejectedByGateway",
}  # fmt: skip
ACCEPTED = (100, 101, 102)
COST = "XOF 12.0000"
# A report that isn't answered with 200 is posted again.
REPORT_TRIES, REPORT_PAUSE_S = 5, 1.0


@dataclass
class Play:
    """What the stand-in has seen, and what it was told to do."""

    report_to: str
    report_after_s: float
    api_key: str
    sent: list[dict[str, Any]] = field(default_factory=list)
    next: deque[dict[str, Any]] = field(default_factory=deque)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def behaviour(self, to: str) -> dict[str, Any]:
        """What happens to a request for these numbers: the next scripted turn, or what its number always gets."""
        with self.lock:
            return self.next.popleft() if self.next else self.numbers.get(to, {})

    def accept(self, to: str, form: dict[str, str], connection: int) -> str:
        """Take a message; returns its id."""
        message_id = f"ATXid_{uuid.uuid4().hex}"
        with self.lock:
            self.sent.append(
                {
                    "id": message_id,
                    "to": to,
                    "from": form.get("from"),
                    "message": form["message"],
                    "at": datetime.now(UTC).isoformat(),
                    "connection": connection,
                }
            )
        return message_id

    def report_later(self, message_id: str, to: str, statuses: list[str]) -> None:
        """Post these reports one after the other, once the usual time has passed."""
        if self.report_to and statuses:
            threading.Thread(target=self._report_all, args=(message_id, to, statuses), daemon=True).start()

    def _report_all(self, message_id: str, to: str, statuses: list[str]) -> None:
        time.sleep(self.report_after_s)
        for status in statuses:
            for _ in range(REPORT_TRIES):
                if self.report({"id": message_id, "status": status, "phoneNumber": to, "networkCode": "99999"}) == 200:
                    break
                time.sleep(REPORT_PAUSE_S)

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
        if self.path == "/_play/sent":
            with self.play.lock:
                self._json(200, list(self.play.sent))
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
                self.play.sent.clear()
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
        does = self.play.behaviour(form["to"])
        if does.get("drop_before"):
            self._drop()
        elif "http" in does:
            self._text(int(does["http"]), f"the request for {form['to']} was not taken")
        elif "empty_recipients" in does:
            self._json(201, _answer(str(does["empty_recipients"]), []))
        else:
            self._take(form, does)

    def _take(self, form: dict[str, str], does: dict[str, Any]) -> None:
        recipients = []
        for to in form["to"].split(","):
            code = int((does or self.play.numbers.get(to, {})).get("code", 101))
            its_code = code if re.fullmatch(r"\+[1-9]\d{6,14}", to) else 403
            recipient = {"statusCode": its_code, "number": to, "status": WORDS.get(its_code, "Unheard"), "cost": "0"}
            recipient["messageId"] = "None"
            if its_code in ACCEPTED:
                message_id = self.play.accept(to, form, self.client_address[1])
                recipient |= {"cost": COST, "messageId": message_id}
                self.play.report_later(message_id, to, does.get("reports", ["Success"]))
            recipients.append(recipient)
        time.sleep(float(does.get("slow", 0)))
        taken = sum(1 for one in recipients if one["messageId"] != "None")
        recipients = recipients[: len(recipients) - int(does.get("leave_out", 0))]
        if does.get("drop_after"):
            self._drop()
        elif "text_answer" in does:
            self._text(200, str(does["text_answer"]))
        else:
            said = f"Sent to {taken}/{len(recipients)} Total Cost: {COST if taken else 0}"
            self._json(201, _answer(said, recipients))

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
    given = arguments.parse_args()
    Handler.play = Play(given.report_to, given.report_after, given.api_key)
    server = Server(("127.0.0.1", given.port), Handler)
    print(f"ready http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
