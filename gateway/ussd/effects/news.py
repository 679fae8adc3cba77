"""Asking for news from the menu: of one's mutuelles, or of who answers the code where the phone is in none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.membership import households
from gateway.sms.news import subscribe, unsubscribe
from gateway.ussd.effects.doing import Doing


@dataclass(frozen=True)
class NewsChosen:
    """Whether news come now."""

    wanted: bool


@dataclass(frozen=True)
class ChooseNews:
    """Let news come to the caller's phone, or end them."""

    OUTCOME: ClassVar[type] = NewsChosen
    QUIET: ClassVar[bool] = False

    wanted: bool

    def do(self, doing: Doing) -> NewsChosen:
        if not self.wanted:
            unsubscribe(doing.unit, doing.caller)
            return NewsChosen(False)
        tree = doing.services.network.tree()
        own = households.by_phone(doing.unit.connection, tree, doing.caller)
        for its_id in {tree.books_of(one.section_id).id for one in own} or {doing.root.id}:
            subscribe(doing.unit, doing.caller, its_id)
        return NewsChosen(True)
