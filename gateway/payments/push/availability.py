"""What providers say of their operators: what doesn't work is shown as down in the menu before anybody is asked.

A provider that can't tell changes nothing. An operator is up again when its provider says so or says nothing for long.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gateway.kernel.faults import Unavailable
from gateway.payments.providers.base import Provider, SaysAvailable, Unclear
from gateway.payments.push.breaker import Breakers, Line

log = logging.getLogger(__name__)


def tell(breakers: Breakers, providers: Mapping[str, Provider]) -> None:
    """Ask each provider that can tell, and note what it says; never raises: one that fails stops no other.

    It calls the network, so never inside a transaction, and takes seconds where a provider hangs.
    """
    for name, provider in providers.items():
        if not isinstance(provider, SaysAvailable):
            continue
        try:
            _tell(breakers, name, provider)
        except Unavailable as down:
            log.warning("what %s says of its operators can't be kept: %s", name, down)
        except Exception:
            log.exception("%s isn't asked for its operators: a defect", name)


def _tell(breakers: Breakers, name: str, provider: SaysAvailable) -> None:
    answer = provider.available()
    if isinstance(answer, Unclear):
        log.warning("%s doesn't say which of its operators work: %s %s", name, answer.reason, answer.said)
        return
    for word in answer:
        breakers.said(Line(name, word.environment), word)
