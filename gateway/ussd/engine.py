"""The menu's engine: a hop reads the session, takes the new input, answers; whatever is repeated gets the same answer.

A gateway tells either the whole history of a session, and the input is what follows the history answered last, or
only the newest input. Only a hop with an effect writes to the database, under a key made of the session and what was
typed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from gateway.kernel.faults import Unavailable
from gateway.kernel.msisdn import country_of
from gateway.kernel.numbers import in_our_digits
from gateway.locale import Say
from gateway.network.organisations import Organisation, ServiceCode
from gateway.services import Services
from gateway.store.effects import effect_key
from gateway.ussd.effects import Effect, NotAllowed, perform
from gateway.ussd.effects.pins import STAFF, PinAnswer
from gateway.ussd.effects.registering import SetLanguage
from gateway.ussd.pages import BACK, HOME, MORE, Page, Part, cut
from gateway.ussd.reads import Reads
from gateway.ussd.screen import (
    Again,
    Choice,
    Do,
    GoHome,
    GoOn,
    GoThrough,
    Place,
    Typed,
    Word,
    decode,
    encode,
    encode_value,
    kind,
    named,
    word,
)
from gateway.ussd.screens.home import Home, Resume
from gateway.ussd.screens.language import Language
from gateway.ussd.screens.pin import AskPin, NewPin, RepeatPin
from gateway.ussd.sessions import LONGEST_PATH, REPEATED_WITHIN_S, Left, Session, Sessions, Unreadable

log = logging.getLogger(__name__)

DEEPEST_BACK = 6
MOST_HOPS = 240  # of one session: three times what a family of twenty takes
MOST_INPUTS = 60  # of a deep dial
MOST_CHARACTERS = 400

SORRY = word("Sorry, the service is not available now. Nothing was lost. Please dial again later.")
NOBODY = word("No health mutuelle answers this number yet.")
LOST = word("The connection was lost. Please start again here.")
NO_RIGHT = word("You can't do this any more. See your office.")
CHANGED = word("The menu has changed. Please start again here.")
# Where there is nothing to go back to.
BEGINNINGS = (Home, Resume, Language)
# Doors, not places: one doesn't go back to them.
DOORS = (Resume, Language, AskPin, NewPin, RepeatPin)


@dataclass(frozen=True)
class Dial:
    """One request of an aggregator, in neutral terms.

    ``whole``: ``text`` is the session's whole history, joined by stars; else it is the newest input alone, and
    ``opens`` says that the request opens the session (``text`` is then what was dialled behind the code).
    ``shows`` is the most septets that the gateway brings onto a phone: no budget goes beyond it.
    """

    gateway: str
    session_id: str
    caller: str
    service_code: str
    text: str
    whole: bool = True
    opens: bool = False
    shows: int = 182


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
        return self._end(Say(self._services.defaults.language), SORRY, self._services.defaults.septets)

    @staticmethod
    def _end(say: Say, text: Word, septets: int) -> Reply:
        return Reply(cut(Page(text.said(say), ends=True), say, septets)[0].text, True)

    def _hop(self, dial: Dial) -> Reply:
        code = self._code(dial)
        if code is None:
            return self._end(Say(self._services.defaults.language), NOBODY, self._services.defaults.septets)
        code = replace(code, septets=min(code.septets, dial.shows))
        now_s = self._services.clock.now().timestamp()
        key = self._sessions.key(dial.gateway, code.code, dial.caller)
        found = self._sessions.load(key)
        last = found if isinstance(found, Session) else None
        if last is not None and last.id == dial.session_id:
            before = self._answered_before(last, dial, now_s)
            if before is not None:
                return Reply(*before)
        elif last is not None and dial.session_id in last.past:
            # The caller has dialled again since: whatever the network still brings of the call before is too late.
            return self._end(Say(last.language), LOST, code.septets)
        root = self._services.network.tree()[code.organisation_id]
        with Reads(self._services, dial.caller, root) as reads:
            turn = _Turn(self._services, self._sessions, reads, dial, code, last, now_s)
            turn.garbled = isinstance(found, Unreadable)
            try:
                reply = turn.answer()
            except Exception:
                self._note_failure(key, turn)
                raise
        typed = (len(dial.text) if dial.whole else 0, self._sessions.digest(dial.text))
        turn.session.answered(typed, reply.text, reply.ends, self._services.clock.now().timestamp())
        self._sessions.save(key, turn.session, last if turn.known is None else None)
        return reply

    def _answered_before(self, last: Session, dial: Dial, now_s: float) -> tuple[str, bool] | None:
        """The answer that this very request got before; an older one that comes late gets the newest answer."""
        if not dial.whole:
            if dial.opens:
                return last.last_reply()
            again = last.replies[-1][0] == self._sessions.digest(dial.text)
            soon = last.ended or now_s - last.last_s < REPEATED_WITHIN_S
            return last.last_reply() if again and soon else None
        length = last.typed[0]
        if len(dial.text) > length:
            return None
        digest = self._sessions.digest(dial.text)
        for known, reply, ends in reversed(last.replies):
            if known == digest:
                return reply, ends
        return last.last_reply() if len(dial.text) < length else None

    def _note_failure(self, key: str, turn: _Turn) -> None:
        """Have the call counted as one that failed; where Redis is what failed, it isn't."""
        try:
            if turn.known is None:
                turn.session.failed = True
                self._sessions.note(turn.session)
                return
            before = self._sessions.load(key)
            if isinstance(before, Session) and before.id == turn.session.id:
                before.failed = True
                self._sessions.save(key, before, None)
        except Unavailable:
            return

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
        now_s: float,
    ) -> None:
        self.services = services
        self.sessions = sessions
        self.dial = dial
        self.code = code
        self.reads = reads
        self.root: Organisation = reads.root
        self.known = last if last is not None and last.id == dial.session_id else None
        self.last = last  # this session, or the caller's one before it
        self.garbled = False  # another version of this program wrote the session
        self.here = ""  # the screen that this hop answers, as it was kept
        self.note = ""
        past = last.before() if last is not None else []
        self.session = self.known or Session(
            dial.session_id, dial.gateway, code.organisation_id, reads.root.languages[0], now_s, now_s, past=past
        )
        self.say = Say(self.session.language)

    def answer(self) -> Reply:
        session = self.known
        if session is None:
            return self._begin()
        if session.ended:
            # The network closed this session after our END; whoever goes on in it has not seen that.
            return self._start_again(LOST)
        self.here = session.screen
        at = decode(self.here)
        if at is None:
            return self._start_again(CHANGED)
        typed = self._typed(session)
        if typed is None or session.hops > MOST_HOPS:
            self.note = self.say("Please answer again.")
            return self._show(at)
        offered = session.offered
        after = self._step(at, typed)
        if after is not at:
            session.twice = False
            if session.offered == offered and not isinstance(at, DOORS):
                session.offered = ""
        return self._show(after)

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def _begin(self) -> Reply:
        session = self.session
        chosen = self.reads.language()
        if chosen in self.root.languages:
            session.language = chosen
            self.say = Say(chosen)
        self._note_locks()
        asks = chosen is None and len(self.root.languages) > 1
        if not self.dial.text and (self.dial.whole or self.dial.opens):
            left = self._left()
            if left is None:
                return self._show(Language() if asks else self._home())
            if decode(left.screen) is None:
                return self._start_again(CHANGED)
            session.left = left
            return self._show(Resume())
        if self.garbled:
            return self._start_again(CHANGED)
        # Text in a first request is a deep dial, unless the session before it was lost with Redis.
        if not self.dial.opens and (not self.dial.whole or self.sessions.may_have_lost_some()):
            return self._start_again(LOST)
        reached = self._walk(self._home(), self.dial.text.split("*")[:MOST_INPUTS])
        return self._ask_language_before(reached) if asks else self._show(reached)

    def _ask_language_before(self, reached: Any) -> Reply:
        """Whoever dials deep for the first time chooses a language, and is where they dialled to."""
        session = self.session
        session.left = Left(encode(reached), session.page, session.back, session.question())
        session.back, session.page, self.note = [], 1, ""
        return self._show(Language())

    def _home(self) -> Home:
        self._note_locks()  # a household may have come meanwhile, or a PIN
        return Home(tuple(self.reads.households()), tuple(self.reads.roles()))

    def _note_locks(self) -> None:
        self.session.locks = [one.card for one in self.reads.households() if one.pin]

    def _left(self) -> Left | None:
        """Where the caller's last call stood, when it was dropped at a place that is worth going on from."""
        last = self.last
        if last is None or last.ended:
            return None
        place = _behind_pin(last.screen)
        where = kind(named(place))
        if where is not None and where.cls is Resume:
            return last.left  # dropped once more, before an answer
        if where is not None and not where.resumes:
            return None
        return Left(place, last.page, last.back, last.question())

    def _start_again(self, why: Word) -> Reply:
        self.session.back, self.session.page = [], 1
        self.note = why.said(self.say)
        return self._show(self._home())

    def _walk(self, at: Any, inputs: list[str]) -> Any:
        """A deep dial: walk as far as the inputs lead, but never through an effect that nobody has seen asked for."""
        for number, typed in enumerate(inputs, 1):
            if self._shut_by(at) is not None:
                break
            self._measure(at.show(self.say, self.reads), at)
            after = self._step(at, typed, walked=number)
            if after is at:
                break
            at = after
        return at

    # --- one step -----------------------------------------------------------------------------------------------------

    def _typed(self, session: Session) -> str | None:
        """The new input; None when the history doesn't continue the one that was answered last."""
        text = self.dial.text
        length, answered = session.typed
        if not self.dial.whole or length == 0:
            return text
        if text[length : length + 1] == "*" and self.sessions.digest(text[:length]) == answered:
            return text[length + 1 :]
        return None

    def _step(self, at: Any, typed: str, walked: int = 0) -> Any:
        """Where an answer leads; the same screen, with a note, when it isn't understood."""
        typed = typed.strip()
        known = kind(type(at).__name__)
        assert known is not None
        choices, may_go_back, parts = self.session.shape
        digits = in_our_digits(typed)
        if digits == MORE and self.session.page < parts:
            self.session.page += 1
            return at
        if digits == BACK and may_go_back:
            return self._back(at)
        if digits == HOME:
            return self._leave(at)
        if known.takes is Typed:
            if not typed or len(typed) > MOST_CHARACTERS:
                return self._stay(at, word("Please type your answer.") if not typed else word("This is too long."))
            return self._arrive(at, at.take(Typed(typed), self.reads), walked)
        is_choice = len(digits) <= 2 and digits.isdecimal()
        if is_choice and 1 <= int(digits) <= choices:
            return self._arrive(at, at.take(Choice(int(digits)), self.reads), walked)
        if hasattr(at, "typed") and typed and not is_choice and len(typed) <= MOST_CHARACTERS:
            return self._arrive(at, at.typed(Typed(typed), self.reads), walked)
        return self._stay(at, word("Please type one of the numbers shown."))

    def _stay(self, at: Any, because: Word) -> Any:
        self.session.page = 1
        self.note = because.said(self.say)
        return at

    def _back(self, at: Any) -> Any:
        if self.session.page > 1:
            self.session.page -= 1
            return at
        if not self.session.back:
            return self._home()
        return decode(self.session.back.pop()) or self._home()

    def _leave(self, at: Any) -> Any:
        """Home, from wherever; what was half told stays there to go on with."""
        place = _behind_pin(encode(at))
        where = kind(named(place))
        resumes = where is not None and where.resumes
        session = self.session
        left = Left(place, session.page, session.back, session.question()) if resumes else session.left
        session.back, session.page, session.left = [], 1, left
        return replace(self._home(), unfinished=left is not None)

    def _go_on(self) -> Any:
        left, self.session.left = self.session.left, None
        at = decode(left.screen) if left is not None else None
        if at is None or left is None:
            self.note = CHANGED.said(self.say)
            return self._home()
        self.session.page, self.session.back, self.session.offered = left.page, left.back, left.question
        return at

    def _arrive(self, before: Any, after: Any, walked: int) -> Any:
        came = before
        if isinstance(after, Do):
            quiet = after.effect.QUIET
            if walked and not quiet:
                return before
            if not quiet and self._may_be_a_repeat():
                self.session.twice = True
                return self._stay(before, word("To confirm, answer once more."))
            try:
                after = before.done(self._perform(after.effect, before), self.reads)
            except NotAllowed:
                after = GoHome(NO_RIGHT)
            if not isinstance(before, DOORS):
                self.session.offered = ""
            if self.session.path == [Language.__name__] and self.session.left:
                after = GoOn()
            elif not quiet and not isinstance(after, Again):
                # What was done can't be gone back into; what was refused is changed there.
                self.session.left, self.session.back, came = None, [], None
        if isinstance(after, Again):
            return self._stay(before, after.because)
        if isinstance(after, GoOn):
            return self._go_on()
        if isinstance(after, GoThrough):
            after = decode(before.then) or self._home()
        if isinstance(after, GoHome):
            self.note = after.word.said(self.say) if after.word is not None else ""
            after = self._home()
        self.session.page = 1
        if isinstance(after, Home):
            self.session.back = []
        elif came is not None and not isinstance(came, DOORS):
            self.session.back = [*self.session.back, self.here or encode(came)][-DEEPEST_BACK:]
        return after

    def _may_be_a_repeat(self) -> bool:
        """Where only the newest input is told, the one that led to a question may have come twice."""
        session = self.session
        if self.dial.whole or session.twice or not session.replies:
            return False
        return session.replies[-1][0] == self.sessions.digest(self.dial.text)

    def _perform(self, effect: Effect, before: Any) -> Any:
        dial, session = self.dial, self.session
        # A door is knocked at anew each time; any other question has one answer, also when the next call repeats it.
        question = session.hop() if isinstance(before, DOORS) else session.question()
        key = effect_key(dial.gateway, dial.caller, question, type(effect).__name__, str(encode_value(effect)))
        opened = tuple(session.opened)
        outcome = perform(self.services, effect, key, dial.caller, session.language, self.root, opened)
        self.reads.forget()
        if isinstance(effect, SetLanguage):
            session.language = effect.language
            self.say = Say(effect.language)
        if isinstance(outcome, PinAnswer) and outcome.answer == "right":
            session.opened.append(outcome.lock)
        return outcome

    # --- showing ------------------------------------------------------------------------------------------------------

    def _shut_by(self, at: Any) -> str | None:
        """Whose PIN has to be typed before a screen is shown: that of staff always, a household's where it has one."""
        lock = getattr(at, "card", None) if getattr(at, "staff", None) is None else STAFF
        shut = lock == STAFF or lock in self.session.locks
        return lock if shut and lock not in self.session.opened else None

    def _measure(self, page: Page, at: object) -> Part:
        """The screenful that is shown now; the session keeps what it offers."""
        at_home = isinstance(at, BEGINNINGS)
        parts = cut(page, self.say, self.code.septets, at_home=at_home, note=self.note)
        number = min(self.session.page, len(parts))
        part = parts[number - 1]
        # A word that comes first may push choices on: what was seen before it is still taken.
        choices = max(
            part.choices, cut(page, self.say, self.code.septets, at_home=at_home)[0].choices if self.note else 0
        )
        may_go_back = page.back and (number > 1 or not at_home)
        self.session.page, self.session.shape = number, [choices, int(may_go_back), len(parts)]
        return part

    def _show(self, at: Any) -> Reply:
        staff = getattr(at, "staff", None)
        if staff is not None and staff not in {one.staff for one in self.reads.roles()}:
            self.note, self.session.back = NO_RIGHT.said(self.say), []
            at = self._home()
        lock = self._shut_by(at)
        if lock is not None:
            at = AskPin(lock, encode(at))
            self.session.page = 1
        page = at.show(self.say, self.reads)
        part = self._measure(page, at)
        session = self.session
        session.screen = encode(at)
        name = type(at).__name__
        if (not session.path or session.path[-1] != name) and len(session.path) < LONGEST_PATH:
            session.path.append(name)
        return Reply(part.text, page.ends and part.last)


def _behind_pin(place: Place) -> Place:
    """What a PIN is asked for before, or the place itself: whoever is cut off there comes from further on."""
    at = decode(place) if named(place) == AskPin.__name__ else None
    return at.then if at is not None else place
