"""The menu's engine: a hop reads the session, takes the new input, answers; whatever is repeated gets the same answer.

The aggregator posts the whole history of a session in ``text``; the input is what follows the history answered last.
Only a hop with an effect writes to the database, under a key made of the session and the history.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from gateway.kernel.faults import Unavailable
from gateway.kernel.msisdn import country_of
from gateway.locale import Say
from gateway.network.organisations import Organisation, ServiceCode
from gateway.services import Services
from gateway.store.effects import effect_key
from gateway.ussd import effects
from gateway.ussd.pages import BACK, HOME, MORE, Page, Part, cut
from gateway.ussd.reads import Reads
from gateway.ussd.screen import Again, Choice, GoHome, GoOn, Typed, Word, decode, encode, kind, word
from gateway.ussd.screens.home import Home, Resume
from gateway.ussd.screens.language import Language
from gateway.ussd.sessions import Session, Sessions

log = logging.getLogger(__name__)

DEEPEST_BACK = 6
MOST_HOPS = 240  # of one session: three times what a family of twenty takes
MOST_INPUTS = 60  # of a deep dial
MOST_CHARACTERS = 400

LOST = word("The connection was lost. Please start again here.")
CHANGED = word("The menu has changed. Please start again here.")


@dataclass(frozen=True)
class Dial:
    """One request of an aggregator, in neutral terms."""

    gateway: str
    session_id: str
    caller: str
    service_code: str
    text: str


@dataclass(frozen=True)
class Reply:
    """What the phone shows; ``ends`` closes the session."""

    text: str
    ends: bool


class Engine:
    """Answers hops."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self._services = services
        self._sessions = sessions

    def hop(self, dial: Dial) -> Reply:
        """Answer one request, always within the screen's budget; when a part is down, with an apology."""
        try:
            return self._hop(dial)
        except Unavailable as down:
            log.error("ussd hop failed: %s", down)
        except Exception:
            log.exception("ussd hop failed: a defect")
        return self.apology()

    def apology(self) -> Reply:
        """The last resort, in the default language; nothing that was asked for before is lost by it."""
        sorry = word("Sorry, the service is not available now. Nothing was lost. Please dial again later.")
        return self._end(Say(self._services.defaults.language), sorry, self._services.defaults.septets)

    @staticmethod
    def _end(say: Say, text: Word, septets: int) -> Reply:
        return Reply(cut(Page(text.said(say), ends=True), say, septets)[0].text, True)

    def _hop(self, dial: Dial) -> Reply:
        code = self._code(dial)
        if code is None:
            nobody = word("No health mutuelle answers this number yet.")
            return self._end(Say(self._services.defaults.language), nobody, self._services.defaults.septets)
        place = (dial.gateway, code.code, dial.caller)
        last = self._sessions.load(*place)
        if last is not None and last.id == dial.session_id:
            before = last.reply_to(dial.text)
            if before is not None:
                return Reply(*before)
        elif last is not None and dial.session_id in last.past:
            # The caller has dialled again since: whatever the network still brings of the call before is too late.
            return self._end(Say(last.language), LOST, code.septets)
        root = self._services.network.tree()[code.organisation_id]
        with Reads(self._services, dial.caller, root) as reads:
            turn = _Turn(self._services, self._sessions, reads, dial, code, last)
            reply = turn.answer()
        self._sessions.save(*place, turn.session.answered(dial.text, reply.text, reply.ends), first=last is None)
        return reply

    def _code(self, dial: Dial) -> ServiceCode | None:
        """The part of the network behind a short code; for an unknown code, the caller's country decides."""
        tree = self._services.network.tree()
        known = tree.codes.get(dial.service_code)
        if known is not None:
            return known
        country = country_of(dial.caller)
        septets = self._services.defaults.septets
        for one in tree.by_id.values():
            if one.parent_id is None and one.country == country:
                return ServiceCode(dial.service_code, one.id, septets)
        return None


class _Turn:
    """One hop's work on one session."""

    def __init__(
        self,
        services: Services,
        sessions: Sessions,
        reads: Reads,
        dial: Dial,
        code: ServiceCode,
        last: Session | None,
    ) -> None:
        self.services = services
        self.sessions = sessions
        self.dial = dial
        self.code = code
        self.reads = reads
        self.root: Organisation = reads.root
        self.known = last if last is not None and last.id == dial.session_id else None
        self.last = last  # this session, or the caller's one before it
        self.note = ""
        past = last.before() if last is not None else ()
        session = self.known or Session(
            dial.session_id, [], 1, [0, 0, 1], [], "", [], False, self._language(), past=past
        )
        self.session = session
        self.say = Say(session.language)

    def answer(self) -> Reply:
        if self.known is None:
            return self._begin()
        if self.known.ended:
            # The network closed this session after our END; whoever goes on in it has not seen that.
            return self._start_again(LOST)
        at = decode(*self.known.screen)
        if at is None:
            return self._start_again(CHANGED)
        typed = self._typed(self.known.text)
        if typed is None or self.dial.text.count("*") > MOST_HOPS:
            self.note = self.say("Please answer again.")
            return self._show(at)
        return self._show(self._step(at, typed))

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def _language(self) -> str:
        chosen = self.reads.language()
        return chosen if chosen in self.root.languages else self.root.languages[0]

    def _begin(self) -> Reply:
        first: object = self._home()
        if self.reads.language() is None and len(self.root.languages) > 1:
            first = Language()
        if self.dial.text == "":
            left = self._left()
            if left is None:
                return self._show(first)
            if decode(*left["screen"]) is None:
                return self._start_again(CHANGED)
            self.session = replace(self.session, left=left)
            return self._show(Resume())
        # Text in a first request is a deep dial, unless the session before it was lost with Redis.
        if self.sessions.may_have_lost_some():
            return self._start_again(LOST)
        return self._show(self._walk(first, self.dial.text.split("*")[:MOST_INPUTS]))

    def _home(self) -> Home:
        return Home(tuple(self.reads.households()))

    def _left(self) -> dict[str, Any] | None:
        """Where the caller's last call stood, when it was dropped at a place that is worth going on from."""
        last = self.last
        if last is None or last.ended:
            return None
        where = kind(last.screen[0])
        if where is not None and where.cls is Resume:
            return last.left  # dropped once more, before an answer
        if where is not None and not where.resumes:
            return None
        return {"screen": last.screen, "page": last.page, "back": last.back}

    def _here(self, at: Any) -> dict[str, Any]:
        """The place to go on from later."""
        return {"screen": encode(at), "page": self.session.page, "back": self.session.back}

    def _start_again(self, why: Word) -> Reply:
        self.session = replace(self.session, back=[], page=1, ended=False)
        self.note = why.said(self.say)
        return self._show(self._home())

    def _walk(self, at: Any, inputs: list[str]) -> Any:
        """A deep dial: walk as far as the inputs lead, but never through an effect that nobody has seen asked for."""
        for typed in inputs:
            self._measure(at.show(self.say, self.reads), at)
            after = self._step(at, typed, effects_too=False)
            if after is at:
                break
            at = after
        return at

    # --- one step -----------------------------------------------------------------------------------------------------

    def _typed(self, answered: str) -> str | None:
        """The new input; None when the history doesn't continue the one that was answered last."""
        text = self.dial.text
        if answered == "":
            return text
        return text[len(answered) + 1 :] if text.startswith(answered + "*") else None

    def _step(self, at: Any, typed: str, effects_too: bool = True) -> Any:
        """Where an answer leads; the same screen, with a note, when it isn't understood."""
        typed = typed.strip()
        known = kind(type(at).__name__)
        assert known is not None
        choices, may_go_back, parts = self.session.shape
        digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in typed)
        if digits == MORE and self.session.page < parts:
            self.session = replace(self.session, page=self.session.page + 1)
            return at
        if digits == BACK and may_go_back:
            return self._back(at)
        if digits == HOME:
            left = self._here(at) if known.resumes else self.session.left
            self.session = replace(self.session, back=[], page=1, left=left)
            return replace(self._home(), unfinished=left is not None)
        if known.takes is not Typed:
            if not re.fullmatch(r"\d{1,2}", digits) or not 1 <= int(digits) <= choices:
                return self._stay(at, word("Please type one of the numbers shown."))
            after = at.take(Choice(int(digits)), self.reads)
        else:
            if not typed or len(typed) > MOST_CHARACTERS:
                return self._stay(at, word("Please type your answer.") if not typed else word("This is too long."))
            after = at.take(Typed(typed), self.reads)
        if isinstance(after, Again):
            return self._stay(at, after.because)
        if isinstance(after, GoOn):
            return self._go_on()
        if isinstance(after, GoHome):
            after = Home((), after.wants) if after.wants is not None else self._home()
        return self._arrive(at, after, effects_too)

    def _stay(self, at: Any, because: Word) -> Any:
        self.session = replace(self.session, page=1)
        self.note = because.said(self.say)
        return at

    def _back(self, at: Any) -> Any:
        if self.session.page > 1:
            self.session = replace(self.session, page=self.session.page - 1)
            return at
        if not self.session.back:
            return self._home()
        *rest, last = self.session.back
        self.session = replace(self.session, back=rest)
        return decode(*last) or self._home()

    def _go_on(self) -> Any:
        left = self.session.left or {}
        screen = decode(*left["screen"]) if left else None
        if screen is None:
            self.note = CHANGED.said(self.say)
            return self._home()
        self.session = replace(self.session, page=left["page"], back=left["back"], left=None)
        return screen

    def _arrive(self, before: Any, after: Any, effects_too: bool) -> Any:
        wants = getattr(after, "wants", None)
        if wants is not None:
            if not effects_too:
                return before
            after = self._perform(after, wants)
            self.session = replace(self.session, left=None)
        if isinstance(after, Home) or wants is not None:
            self.session = replace(self.session, back=[], page=1)
        elif not isinstance(before, Resume | Language):
            back = [*self.session.back, encode(before)][-DEEPEST_BACK:]
            self.session = replace(self.session, back=back, page=1)
        return after

    def _perform(self, after: Any, wants: effects.Effect) -> Any:
        key = effect_key(self.dial.gateway, self.dial.session_id, self.dial.caller, self.dial.text)
        outcome = effects.perform(self.services, wants, key, self.dial.caller, self.session.language, self.root)
        self.reads.forget()
        if isinstance(wants, effects.SetLanguage):
            self.session = replace(self.session, language=wants.language)
            self.say = Say(wants.language)
        return self._home() if isinstance(after, Home) else replace(after, outcome=outcome)

    # --- showing ------------------------------------------------------------------------------------------------------

    def _measure(self, page: Page, at: object) -> Part:
        """The screenful that is shown now; the session keeps what it offers."""
        at_home = isinstance(at, Home | Resume | Language)
        parts = cut(page, self.say, self.code.septets, at_home=at_home, note=self.note)
        number = min(self.session.page, len(parts))
        part = parts[number - 1]
        may_go_back = page.back and (number > 1 or not at_home)
        self.session = replace(self.session, page=number, shape=[part.choices, int(may_go_back), len(parts)])
        return part

    def _show(self, at: Any) -> Reply:
        page = at.show(self.say, self.reads)
        part = self._measure(page, at)
        self.session = replace(self.session, screen=encode(at))
        return Reply(part.text, page.ends and part.last)
