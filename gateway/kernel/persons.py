"""Names that people type for who they are: kept as typed, compared so that spelling makes nobody another person."""

from __future__ import annotations

from gateway.kernel.spelling import plain

NAME_CHARACTERS = 60


def name_kept(typed: str) -> str:
    """A person's name as it is kept; empty for nobody."""
    return " ".join(typed.split())[:NAME_CHARACTERS]


def name_compared(typed: str) -> tuple[str, ...]:
    """A name as it is compared: accents, capitals and the order of the words make nobody another person."""
    kept = name_kept(typed)
    return tuple(sorted(plain(kept).split())) or (kept.casefold(),)


def same_person(one: str, other: str) -> bool:
    """Is it the same person, as far as names tell? Words written together make nobody another."""
    return name_compared(one) == name_compared(other) or _together(one) == _together(other)


def _together(typed: str) -> str:
    kept = name_kept(typed)
    return plain(kept).replace(" ", "") or kept.casefold()
