"""JSON from outside, read strictly: one text, one meaning, and nothing in it makes the reader work without bounds."""

from __future__ import annotations

import json
import re
from typing import Any

# No answer of an operator or aggregator nests half as deep.
DEEPEST = 50
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class Unreadable(ValueError):
    """Bytes that are not one unambiguous JSON text."""


def read_json(body: bytes) -> object:
    """Read JSON strictly: UTF-8 with or without BOM, no repeated keys, no NaN, figures kept as their text.

    Raises :class:`Unreadable`. Figures stay text so that no float is made and no giant number is computed.
    """
    try:
        text = body.decode("utf-8-sig")
        if _depth(text) > DEEPEST:
            raise Unreadable("nested too deep")
        return json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_float=str,
            parse_int=str,
            parse_constant=_no_constant,
        )
    except ValueError:
        raise Unreadable("not one unambiguous JSON text") from None


def _depth(text: str) -> int:
    """How deep the objects and arrays of a text stand in each other; no more than that many where few are opened.

    The parser calls itself for each level, so a text may not choose how many there are.
    """
    if (opened := text.count("[") + text.count("{")) <= DEEPEST:
        return opened
    deepest = depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("repeated key")
    return found


def _no_constant(word: str) -> object:
    raise Unreadable(word)
