"""Choosing a language: the first thing that a new caller sees, in all of them at once."""

from __future__ import annotations

from gateway.locale import NAMES, Say, mark
from gateway.ussd.effects.registering import LanguageSet, SetLanguage
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, Do, GoHome, See, screen

TITLE = mark("Choose your language")


@screen
class Language:
    """The languages that this part of the network offers."""

    def show(self, say: Say, see: See) -> Page:
        offered = see.root.languages
        titles = dict.fromkeys(Say(language)(TITLE) for language in offered)
        return Page(f"{see.root.name}\n" + " / ".join(titles), [NAMES[language] for language in offered])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(SetLanguage(see.root.languages[choice - 1]))

    def done(self, outcome: LanguageSet, see: See) -> GoHome:
        return GoHome()
