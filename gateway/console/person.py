"""Who is inside the office on one device, as far as pages need to know."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.network.staff import Member


@dataclass(frozen=True)
class Person:
    """``csrf``: what their forms must bear. ``must_secure``: they may do nothing before they have a second factor."""

    login_id: int
    session_id: int
    name: str
    msisdn: str
    language: str | None
    roles: tuple[Member, ...]
    csrf: str
    must_secure: bool = False
