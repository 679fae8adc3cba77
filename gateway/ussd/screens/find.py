"""Finding a household for staff: by its card, or by a phone; wrong numbers are counted here too."""

from __future__ import annotations

from gateway.ussd.effects.paying import Found
from gateway.ussd.screen import Word, word
from gateway.ussd.screens.pin import wait_word


def not_found(found: Found) -> Word:
    """Why a search gave nothing."""
    if found.wait_minutes:
        return wait_word(found.wait_minutes)
    if found.unread:
        return word("Write the 9 digits of the card, or a phone number.")
    return word("No household has this number. Look at the card again.")
