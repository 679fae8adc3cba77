"""JSON from outside: what is ambiguous, or deep, is refused; figures stay text."""

from __future__ import annotations

import pytest

from gateway.kernel.strict_json import Unreadable, read_json


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": 1.50, "b": [1e999999999, true, null]}', {"a": "1.50", "b": ["1e999999999", True, None]}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
    ],
)
def test_figures_stay_text(body: bytes, found: object) -> None:
    assert read_json(body) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 1}',
        b"NaN",
        b"[-Infinity]",
        b"\xff",
        b"[" * 99_999,
        b'["' * 60,
        b'{"a":' * 51 + b"1" + b"}" * 51,
    ],
)
def test_what_is_ambiguous_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(body)


def test_much_that_stands_side_by_side_is_not_deep() -> None:
    assert read_json(b"[" + b'{"a": ["[[[", "{\\"["]},' * 9_999 + b"[" * 49 + b"]" * 50) is not None
