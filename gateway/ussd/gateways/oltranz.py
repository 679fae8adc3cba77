"""Oltranz (Rwanda): JSON with the newest answer alone; the same object goes back with ``response`` and ``action``.

Documented (https://developers.oltranz.com/ussdgateway/objects.html): the object and its fields; ``text`` is what was
typed now, not the history; ``newRequest`` is 1 in a session's first request and 0 in the others; ``action`` is ``CON``
or ``END``; ``charge`` ``N`` asks the caller for no money. The page calls ``newRequest`` optional and its sample of a
first request has 0 there, so a request without text opens a session as well: in the middle of one it shows the screen
again. The short code is written ``123``, ``*123#`` or ``*123*100#``: each is brought to the form with both.

Assumed, because nothing is said of it: the number comes without a plus (as in the samples); the first request's text
may hold the whole string that was dialled, or what stood behind the code; screens of 160 characters are shown; there is
no signature, no event at a session's end, and a request that isn't answered may come again as it was.
"""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from gateway.ussd.engine import Dial, Engine, Reply
from gateway.ussd.gateways.door import (
    LONGEST_CODE,
    LONGEST_ID,
    LONGEST_NUMBER,
    LONGEST_TEXT,
    answer,
    behind,
    body,
    require,
    short_code,
    tell_unread,
)

MOST_SEPTETS = 160


class Asked(BaseModel):
    """What of a request is read, or given back as it came."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)

    session_id: Annotated[str, Field(max_length=LONGEST_ID)]
    service_code: Annotated[str, Field(max_length=LONGEST_CODE)]
    phone_number: Annotated[str, Field(max_length=LONGEST_NUMBER)]
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]
    request_time: Annotated[str, Field(max_length=40)] = ""
    new_request: Literal[0, 1] = 0


def oltranz_blueprint(engine: Engine, secret: str) -> Blueprint:
    """``POST /ussd/oltranz/<secret>``."""
    web = Blueprint("ussd_oltranz", __name__)

    @web.post("/ussd/oltranz/<given>")
    def hop(given: str) -> Response:
        require(given, secret)
        asked = _read()
        return _write(answer(engine, _dial(asked) if asked is not None else None), asked)

    return web


def _read() -> Asked | None:
    try:
        return Asked.model_validate_json(body())
    except ValidationError as wrong:
        tell_unread("Oltranz", {str(place) for one in wrong.errors(include_input=False) for place in one["loc"]})
        return None


def _dial(asked: Asked) -> Dial:
    code = short_code(asked.service_code)
    opens = asked.new_request == 1 or not asked.text
    text = behind(code, asked.text) if opens else asked.text
    session_id, phone = asked.session_id.strip(), asked.phone_number
    return Dial("oltranz", session_id, phone, code, text, whole=False, opens=opens, shows=MOST_SEPTETS)


def _write(reply: Reply, asked: Asked | None) -> Response:
    given_back = asked.model_dump(by_alias=True) if asked is not None else {}
    answered = {
        **given_back,
        "response": reply.text,
        "action": "END" if reply.ends else "CON",
        "transactionId": "",
        "charge": "N",
        "amount": 0.0,
    }
    return Response(to_json(answered), content_type="application/json; charset=utf-8")
