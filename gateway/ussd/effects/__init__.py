"""What a person can ask for in the menu, one file an area: each effect happens once under its key.

A repeat gets the answer that the first one got.
"""

from __future__ import annotations

from typing import Any

from gateway.network.organisations import Organisation
from gateway.services import Services
from gateway.sms.failing import forgive_if_counted
from gateway.store.effects import once
from gateway.store.unit import Unit
from gateway.ussd.effects.doing import Doing, Effect, NotAllowed
from gateway.ussd.screen import decode_value, encode_value

__all__ = ["Effect", "NotAllowed", "perform"]


def perform(
    services: Services,
    effect: Effect,
    key: str,
    caller: str,
    language: str,
    root: Organisation,
    opened: tuple[str, ...] = (),
) -> Any:
    """Do ``effect`` once under ``key`` for the phone ``caller``; gives its outcome, also to a repeat.

    ``opened``: the locks whose PIN was typed in this call.

    Raises :class:`NotAllowed` when the caller has no right to it; nothing is stored then.
    """

    def do(unit: Unit) -> dict[str, object]:
        if not effect.QUIET:
            forgive_if_counted(unit, caller)
        return encode_value(effect.do(Doing(services, unit, key, caller, language, root, opened)))

    stored = once(services.store, key, type(effect).__name__, do)
    return decode_value(effect.OUTCOME, stored)
