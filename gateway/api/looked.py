"""The one place where it is told whose households an answer showed to a key: after the answer, and never in its way."""

from __future__ import annotations

import logging

from gateway.api.call import Call
from gateway.kernel.faults import Unavailable

log = logging.getLogger(__name__)


def note_looks(call: Call) -> None:
    """Tell whoever keeps who looked at whose record (:attr:`Parts.looked`) of the households that were shown."""
    told = call.parts.looked
    if told is None or call.bearer is None or not call.shown:
        return
    try:
        told(call.bearer, tuple(call.shown), call.now)
    except Unavailable as down:
        log.warning("that a key looked at households can't be written: %s", down)
