"""The GSM alphabet as octets, as SMPP's ``data_coding`` 0 carries it: one octet a septet, an escape before extensions.

The library's own table lacks letters of the alphabet (§, the form feed) and its splitting tears escapes from their
letters, so both are here. Long texts are joined by a header in the text (3GPP TS 23.040, 9.2.3.24.1), which every
message centre knows; optional parameters (``sar_…``, ``message_payload``) not all do.
"""

from __future__ import annotations

from gateway.sms.gsm7 import BASIC, PART_ALONE, PART_JOINED

ESCAPE = 0x1B
_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
# The escape has a place in the middle of the alphabet, and none in its letters.
_BASIC = {letter: place + (place >= ESCAPE) for place, letter in enumerate(BASIC)}
_OCTETS = {letter: bytes([code]) for letter, code in _BASIC.items()} | {
    letter: bytes([ESCAPE, code]) for letter, code in _EXTENSION.items()
}
_LETTER = {code: letter for letter, code in _BASIC.items()}
_ESCAPED = {code: letter for letter, code in _EXTENSION.items()}

MOST_PARTS = 255


def in_octets(text: str) -> bytes:
    """A folded text as octets; raises KeyError for a letter outside the alphabet."""
    return b"".join(_OCTETS[letter] for letter in text)


def from_octets(octets: bytes) -> str:
    """The letters of octets; what stands for none becomes a space, as the standard has it for an unknown escape."""
    found, escaped = [], False
    for octet in octets:
        if escaped:
            found.append(_ESCAPED.get(octet) or _LETTER.get(octet, " "))
        elif octet != ESCAPE:
            found.append(_LETTER.get(octet, " "))
        escaped = not escaped and octet == ESCAPE
    return "".join(found)


def in_parts(text: str, reference: int) -> list[bytes]:
    """A folded text as one SMS, or as several that phones join: each with a header that bears ``reference`` (0 to 255).

    No escape leaves its letter. The count is :func:`gateway.sms.gsm7.parts`.
    """
    whole = in_octets(text)
    if len(whole) <= PART_ALONE:
        return [whole]
    pieces = [b""]
    for letter in text:
        octets = _OCTETS[letter]
        if len(pieces[-1]) + len(octets) > PART_JOINED:
            pieces.append(b"")
        pieces[-1] += octets
    if len(pieces) > MOST_PARTS:
        raise ValueError("a text of more parts than can be joined")
    return [bytes([5, 0, 3, reference, len(pieces), number]) + piece for number, piece in enumerate(pieces, 1)]
