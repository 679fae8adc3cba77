"""What may be shown of a person: a number keeps its country and its two last digits, a name its initials."""

from __future__ import annotations

import re

# A run of 8 to 15 digits with an optional plus: phone numbers, whatever wrote them. Card numbers fall in as well,
# which is right: they are as good as a name. Dates, UUIDs and amounts in logs are written so that they don't.
_NUMBER = re.compile(r"(?:(?<![\w-])|(?<=%2B))(\+?)(\d{8,15})(?![\w-])")  # %2B is the plus in a URL


def mask_number(number: str) -> str:
    """``+22901…67`` for ``+2290161234567``."""
    return f"{number[: 4 if number.startswith('+') else 3]}…{number[-2:]}"


def mask_text(text: str) -> str:
    """``text`` with everything in it that looks like a phone or card number masked."""
    return _NUMBER.sub(lambda found: mask_number(found[0]), text)


def mask_name(name: str) -> str:
    """``A. N.`` for ``Aline Ndayizeye``."""
    return " ".join(f"{word[0]}." for word in name.split())
