"""Pages on which something is changed about a household: a few fields, what it comes to, and a button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.console.answers import Page
from gateway.console.pages.households.common import household_page
from gateway.console.visit import Visit
from gateway.membership.households import Household

_NOT_KEPT = ("csrf", "once", "step")


@dataclass(frozen=True)
class Field:
    """A field of such a form; ``options`` are (value, text) of a list."""

    kind: Literal["text", "area", "select", "radios", "tick", "ticks"]
    name: str
    label: str
    options: Sequence[tuple[str, str]] = ()
    value: str = ""
    type: str = "text"
    help: str = ""
    needed: bool = True
    most: int = 60


def form_page(
    visit: Visit,
    one: Household,
    title: str,
    to: str,
    fields: Sequence[Field],
    button: str,
    *,
    intro: Sequence[str] = (),
    warning: str = "",
    kind: str = "",
) -> Page:
    """The form at ``/households/<household>/<to>``; ``kind`` of its button: ``danger`` for what isn't taken back."""
    return household_page(
        visit, one, "households/form.html", title, to=to, fields=fields, button=button, intro=intro, warning=warning,
        kind=kind, facts=[], kept=[], step="look",
    )  # fmt: skip


def sure_page(
    visit: Visit,
    one: Household,
    title: str,
    to: str,
    facts: Sequence[tuple[str, object]],
    button: str,
    *,
    intro: Sequence[str] = (),
    warning: str = "",
    kind: str = "",
    more: Mapping[str, str] | None = None,
) -> Page:
    """What it would come to, before it is done: all that was typed goes along, and the button does it."""
    kept = [(name, value) for name, every in visit.sent.fields.items() if name not in _NOT_KEPT for value in every]
    kept += list((more or {}).items())
    return household_page(
        visit, one, "households/form.html", title, to=to, fields=[], button=button, intro=intro, warning=warning,
        kind=kind, facts=facts, kept=kept, step="do",
    )  # fmt: skip


def is_sure(visit: Visit) -> bool:
    """Was it looked at, and is to be done now?"""
    return visit.sent.get("step") == "do"
