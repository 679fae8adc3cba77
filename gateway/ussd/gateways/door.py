"""What every gateway's door does alike: the secret in the path, the limits of a request, and always an answer."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from flask import abort, request
from werkzeug.exceptions import HTTPException

from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.ussd.engine import Dial, Engine, Reply

log = logging.getLogger(__name__)

MOST_FIELDS = 100
LONGEST_ID, LONGEST_NUMBER, LONGEST_CODE, LONGEST_TEXT = 200, 40, 40, 4000


def require(given: str, secret: str) -> None:
    """Answer 404, the same as no such page, unless the path holds our secret."""
    if not hmac.compare_digest(given.encode(), secret.encode()):
        abort(404)


def form() -> Mapping[str, str]:
    """The request's form, of a field that comes twice the first; of a body that is no form, or too large, nothing."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return _other_form()
    try:
        # Half of what Flask's own form costs, which is a tenth of a hop.
        fields = parse_qsl(body().decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return dict(reversed(fields))


def _other_form() -> Mapping[str, str]:
    try:
        return request.form
    except HTTPException:
        return {}


def body() -> bytes:
    """The request's body; of too large a one, nothing."""
    try:
        return request.get_data(cache=False)
    except HTTPException:
        return b""


def answer(engine: Engine, dial: Dial | None) -> Reply:
    """The reply to a hop; to one that couldn't be read, or has parts that can't be used, an apology."""
    usable = _usable(dial) if dial is not None else None
    return engine.hop(usable) if usable is not None else engine.apology()


def _usable(dial: Dial) -> Dial | None:
    """The dial with its caller in E.164; None when a part is missing or beyond its limit."""
    limits = {
        "session id": 0 < len(dial.session_id) <= LONGEST_ID,
        "phone number": len(dial.caller) <= LONGEST_NUMBER,
        "short code": len(dial.service_code) <= LONGEST_CODE,
        "text": len(dial.text) <= LONGEST_TEXT,
    }
    wrong = [part for part, kept in limits.items() if not kept]
    try:
        if not wrong:
            return replace(dial, caller=read_caller(dial.caller))
    except BadMsisdn:
        wrong.append("phone number")
    log.warning("ussd request of %s with an unusable %s", dial.gateway, ", ".join(wrong))
    return None


def tell_unread(gateway: str, fields: Iterable[str]) -> None:
    """Log that a request isn't as its gateway documents it; the names of its fields, never their values."""
    log.warning("ussd request that isn't as %s documents it: %s", gateway, [name[:20] for name in sorted(fields)[:10]])


def short_code(given: str) -> str:
    """A short code as we keep it, ``*123*4#``, from a gateway that may leave its star and hash out."""
    bare = given.strip("*# ")
    return f"*{bare}#" if bare else ""


def behind(code: str, text: str) -> str:
    """What was dialled behind a short code: ``2*1`` of ``*123*2*1#``, and of ``2*1`` too.

    One can dial digits, stars and hashes only, so any other text of an opening request is no answer of a person's.
    """
    if not re.fullmatch(r"[0-9*#]*", text):
        return ""
    bare, dialled = code.strip("*#"), text.strip("*#")
    return "" if dialled == bare else dialled.removeprefix(f"{bare}*")
