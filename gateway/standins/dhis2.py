"""Plays the part of DHIS2 that takes data values, by its documented answers, in a process of its own.

``python -m gateway.standins.dhis2 --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. It
knows every identifier but those of ``--unknown`` (with commas), takes the token or ``name:password`` of ``--token``,
and keeps values under data element, period, organisation unit and category option combo, as DHIS2 does: the same value
again is an update. What it can't take it ignores, and says so in ``conflicts`` with a 409. ``--bare``: its import
summary is the whole answer, as before version 2.38.

``POST /_play/script``   what the next call meets: ``{"status", "body", "slow", "drop"}``: this answer instead of any
                         other, so many seconds late; or (``drop``) none, after the values were stored
``GET /_play/values``    every value that it has: ``[{"dataElement", "period", "orgUnit", "categoryOptionCombo",
                         "value", "dataSet"}]``
``GET /_play/calls``     how many calls there were
``POST /_play/reset``    forget all of it
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "d2pat_standin_0123456789abcdefghijklmnop"  # no secret of anybody's
_UID = re.compile(r"[A-Za-z][A-Za-z0-9]{10}")
_PERIOD = re.compile(r"[0-9]{4}([0-9]{2}|Q[1-4])?")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MOST_BYTES = 8 << 20
DEFAULT_COMBO = "HllvX50cXC0"  # what DHIS2's own demonstration calls the default one

Body = dict[str, Any]
Key = tuple[str, str, str, str]


class Dhis2:
    """What the server holds."""

    def __init__(self, token: str = TOKEN, unknown: frozenset[str] = frozenset(), bare: bool = False) -> None:
        self.token, self.unknown, self.bare = token, unknown, bare
        self.lock = threading.Lock()
        self.values: dict[Key, Body] = {}
        self.scripts: list[Body] = []
        self.calls = 0

    def reset(self) -> None:
        with self.lock:
            self.values.clear()
            self.scripts.clear()
            self.calls = 0

    def may(self, authorization: str) -> bool:
        """Is this who may import values?"""
        if ":" in self.token:
            return authorization == "Basic " + base64.b64encode(self.token.encode()).decode()
        return authorization == f"ApiToken {self.token}"

    def take(self, sent: Body, dry_run: bool) -> tuple[int, Body]:
        """Store what can be stored; the status and the answer."""
        imported = updated = 0
        conflicts: list[Body] = []
        if self._strange(sent.get("dataSet")):
            return 409, self._said([], 0, 0, 0, "Data set not found or not accessible: " + str(sent.get("dataSet")))
        with self.lock:
            for number, each in enumerate(sent.get("dataValues") or []):
                conflict = self._conflict(each, number)
                if conflict is not None:
                    conflicts.append(conflict)
                    continue
                combo = each.get("categoryOptionCombo") or DEFAULT_COMBO
                key = (each["dataElement"], each["period"], each["orgUnit"], combo)
                imported, updated = (imported, updated + 1) if key in self.values else (imported + 1, updated)
                if not dry_run:
                    self.values[key] = each | {"categoryOptionCombo": combo, "dataSet": sent.get("dataSet")}
        return (409 if conflicts else 200), self._said(conflicts, imported, updated, len(conflicts))

    def _strange(self, uid: object) -> bool:
        return not isinstance(uid, str) or not _UID.fullmatch(uid) or uid in self.unknown

    def _conflict(self, each: Body, number: int) -> Body | None:
        names = (
            ("dataElement", "E7610", "Data element"),
            ("orgUnit", "E7612", "Organisation unit"),
            ("categoryOptionCombo", "E7613", "Category option combo"),
        )
        for name, code, called in names:
            uid = each.get(name)
            if (uid is not None or name != "categoryOptionCombo") and self._strange(uid):
                text = f"{called} not found or not accessible: `{uid}`"
                return {"object": uid, "value": text, "errorCode": code, "property": name, "indexes": [number]}
        if not _PERIOD.fullmatch(str(each.get("period"))):
            return {"object": each.get("period"), "value": "Period not valid", "errorCode": "E7611"}
        if not _NUMBER.fullmatch(str(each.get("value"))):
            return {"object": each.get("value"), "value": "Value must match value type", "errorCode": "E7619"}
        return None

    def _said(self, conflicts: list[Body], imported: int, updated: int, ignored: int, wrong: str = "") -> Body:
        status = "ERROR" if wrong else "WARNING" if conflicts else "SUCCESS"
        summary: Body = {
            "responseType": "ImportSummary",
            "status": status,
            "description": wrong or "Import process completed successfully",
            "importCount": {"imported": imported, "updated": updated, "ignored": ignored, "deleted": 0},
            "conflicts": conflicts,
            "dataSetComplete": "false",
        }
        if self.bare:
            return summary
        fine = not conflicts and not wrong
        return {
            "httpStatus": "OK" if fine else "Conflict",
            "httpStatusCode": 200 if fine else 409,
            "status": "OK" if fine else "WARNING",
            "message": "Import was successful."
            if fine
            else "One more conflicts encountered, please check import summary.",
            "response": summary,
        }


class Handler(BaseHTTPRequestHandler):
    """One connection; ``server_of`` is set on the class that the server is given."""

    server_of: Dhis2
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        """What it holds."""
        its = self.server_of
        with its.lock:
            found = {"/_play/values": list(its.values.values()), "/_play/calls": its.calls}.get(self.path)
        self._answer(404 if found is None else 200, found)

    def do_POST(self) -> None:
        """A call, or how the next one goes."""
        raw = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _MOST_BYTES))
        parts = urlsplit(self.path)
        if parts.path == "/_play/script":
            self.server_of.scripts.append(json.loads(raw))
            self._answer(200, {})
        elif parts.path == "/_play/reset":
            self.server_of.reset()
            self._answer(200, {})
        elif parts.path == "/api/dataValueSets":
            self._take(raw, parse_qs(parts.query))
        else:
            self._answer(404, {"httpStatus": "Not Found", "httpStatusCode": 404, "status": "ERROR"})

    def _take(self, raw: bytes, query: dict[str, list[str]]) -> None:
        its = self.server_of
        with its.lock:
            its.calls += 1
            script = its.scripts.pop(0) if its.scripts else {}
        time.sleep(float(script.get("slow", 0)))
        if "status" in script:
            return self._answer(int(script["status"]), script.get("body"))
        if not its.may(self.headers.get("Authorization", "")):
            text = "Unauthorized"
            return self._answer(401, {"httpStatus": text, "httpStatusCode": 401, "status": "ERROR", "message": text})
        if self.headers.get_content_type() != "application/json":
            return self._answer(415, {"httpStatus": "Unsupported Media Type", "httpStatusCode": 415, "status": "ERROR"})
        try:
            sent = json.loads(raw)
        except ValueError:
            return self._answer(400, {"httpStatus": "Bad Request", "httpStatusCode": 400, "status": "ERROR"})
        answer = its.take(sent, query.get("dryRun") == ["true"])
        if script.get("drop"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self._answer(*answer)

    def _answer(self, status: int, body: Any) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def server(its: Dhis2, port: int = 0) -> ThreadingHTTPServer:
    """A server on this machine's own address that plays it; ``serve_forever`` begins."""
    handler = type("Handler", (Handler,), {"server_of": its})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=TOKEN, help=f"else {TOKEN}")
    parser.add_argument("--unknown", default="", help="identifiers that it doesn't know, with commas")
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    unknown = frozenset(filter(None, options.unknown.split(",")))
    listening = server(Dhis2(options.token, unknown, options.bare), options.port)
    print(f"ready http://127.0.0.1:{listening.server_address[1]}", flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    main()
