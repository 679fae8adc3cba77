"""Where a request came from, and whether it may come from there; a forwarded address counts only from trusted proxies.

Each proxy appends the address that it was called from to ``X-Forwarded-For``, so the entries are read from the right,
as far as trusted proxies go. What stands further left was written by whoever called, and may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def read_networks(text: str) -> tuple[Network, ...]:
    """The networks and single addresses of a list with commas; raises ValueError that names the first wrong one."""
    found: list[Network] = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(one))
        except ValueError:
            raise ValueError(f"{one} is no address and no network") from None
    return tuple(found)


def read_by_name(text: str) -> dict[str, tuple[Network, ...]]:
    """Networks by name, as in ``daraja=196.201.212.0/24,196.201.214.200;pawapay=…``; raises ValueError."""
    found: dict[str, tuple[Network, ...]] = {}
    for one in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, networks = (word.strip() for word in one.partition("="))
        if not equals or not name or name in found or not read_networks(networks):
            raise ValueError("must be name=address,address;name=address, each name once")
        found[name] = read_networks(networks)
    return found


@dataclass(frozen=True)
class Sources:
    """From where each named sender may call: one that isn't named may call from anywhere."""

    allowed: Mapping[str, Sequence[Network]] = field(default_factory=dict)
    proxies: Sequence[Network] = ()

    def allows(self, name: str, peer: str, forwarded_for: Sequence[str]) -> bool:
        """May ``name`` call so? ``peer`` is who is connected, ``forwarded_for`` its headers of that name in order."""
        if name not in self.allowed:
            return True
        caller = self.caller(peer, forwarded_for)
        return caller is not None and _is_in(caller, self.allowed[name])

    def caller(self, peer: str, forwarded_for: Sequence[str]) -> Address | None:
        """The first address from the right that is no trusted proxy; None where it can't be read."""
        caller = _read(peer)
        behind = [entry for header in forwarded_for for entry in header.split(",")]
        while behind and caller is not None and _is_in(caller, self.proxies):
            caller = _read(behind.pop())
        return caller


def _read(text: str) -> Address | None:
    """An address; some proxies write its port too, and a socket for both versions writes an old address as a new."""
    bare = text.strip()
    with_port = re.fullmatch(r"\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", bare)
    try:
        found = ip_address((with_port[1] or with_port[2]) if with_port else bare)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)
