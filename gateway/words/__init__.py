"""What a member without airtime or USSD does by SMS: one file a word or a small family of them.

A word asks for what the menu asks for, with the menu's own effects and limits. What a household's PIN locks in the menu
isn't told or done by SMS, as no PIN is ever sent.
"""

from __future__ import annotations

from gateway.services import Services
from gateway.sms.words import Words
from gateway.words.check import check_word
from gateway.words.complaint import complaint_word
from gateway.words.help import help_text, help_word
from gateway.words.household import balance_word, cover_word
from gateway.words.news import news_word
from gateway.words.paid import paid_word
from gateway.words.pay import pay_word
from gateway.words.phone import language_word, start_word, stop_word
from gateway.words.receipt import receipt_word


def every_word(services: Services) -> Words:
    """All words that are listened to."""
    words = (
        cover_word(),
        balance_word(),
        pay_word(services),
        paid_word(services.chart),
        receipt_word(services),
        complaint_word(),
        language_word(),
        stop_word(),
        start_word(),
        news_word(),
        help_word(),
        check_word(services),
    )
    return Words(words, help_text)
