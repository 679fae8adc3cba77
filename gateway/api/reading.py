"""What was sent, read into models; what is wrong with it is told by where it stands, in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.api.problems import Problem
from gateway.kernel.strict_json import Unreadable, read_json
from gateway.locale import Say, mark

Model = TypeVar("Model", bound=BaseModel)
MOST_ERRORS = 20
_REPEATED = mark("It stands there more than once.")
_SAYS = {
    "missing": mark("It is missing."),
    "extra_forbidden": mark("Nothing of this name is known here."),
    "string_too_long": mark("It is too long."),
    "string_too_short": mark("It is too short."),
    "string_pattern_mismatch": mark("It hasn't the form that the document names."),
    "too_long": mark("There are too many of them."),
    "too_short": mark("There are too few of them."),
    "greater_than_equal": mark("It is too small."),
    "less_than_equal": mark("It is too large."),
    "literal_error": mark("It is none of the values that the document names."),
    "day_form": mark("Write a day as 2026-11-22."),
    "moment_form": mark("Write a moment as 2026-11-22T09:00:00Z."),
    "no_such_day": mark("There is no such day."),
    "no_such_time": mark("There is no such time."),
    "day_far": mark("No day so far away is known here."),
    "enum": mark("It is none of the values that the document names."),
}


def read_body(model: type[Model], body: bytes, say: Say) -> Model:
    """A body of JSON as a model; raises :class:`Problem`: ``unreadable``, or ``invalid`` with every error."""
    try:
        read_json(body)
        text = body.decode("utf-8-sig")
    except (Unreadable, UnicodeDecodeError):
        raise Problem("unreadable") from None
    try:
        return model.model_validate_json(text)
    except ValidationError as wrong:
        raise _told(wrong, say, "pointer") from None


def read_query(model: type[Model], asked: Iterable[tuple[str, Sequence[str]]], say: Say) -> Model:
    """What stands behind the question mark, as a model; raises :class:`Problem` (``invalid``)."""
    found: dict[str, str] = {}
    for name, values in asked:
        if len(values) > 1:
            raise Problem("invalid", more={"errors": [{"parameter": name[:80], "detail": say(_REPEATED)}]})
        found[name] = values[0]
    try:
        return model.model_validate_strings(found)
    except ValidationError as wrong:
        raise _told(wrong, say, "parameter") from None


def _told(wrong: ValidationError, say: Say, where: str) -> Problem:
    errors = []
    for one in wrong.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]:
        steps = [str(step).replace("~", "~0").replace("/", "~1")[:80] for step in one["loc"]]
        place = "".join(f"/{step}" for step in steps) if where == "pointer" else ".".join(steps)
        text = _SAYS.get(one["type"], mark("It isn't what the document says."))
        errors.append({where: place, "detail": say(text)})
    if any(one["type"] == "json_invalid" for one in wrong.errors(include_url=False)):
        return Problem("unreadable")
    return Problem("invalid", more={"errors": errors})


def invalid(say: Say, pointer: str, text: str, **values: Any) -> Problem:
    """Something in a body is wrong that its form doesn't tell; ``text`` is marked for the catalogues."""
    return Problem("invalid", more={"errors": [{"pointer": pointer, "detail": say(text, **values)}]})
