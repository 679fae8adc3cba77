"""How a phone can pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Route:
    """``push`` asks the phone's wallet by ``provider``; by ``reference`` the person pays a merchant code.

    ``environment`` is the provider's own word for the operator. ``down``: it can't be asked now.
    """

    way: Literal["push", "reference"]
    operator: str
    provider: str | None = None
    environment: str = ""
    down: bool = False
