"""A basic phone on the aggregator's own wire: each screen it is shown is checked before anybody looks at it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.sms.gsm7 import fold, septets

SECRET = "0123456789abcdef"
PATH = f"/ussd/africastalking/{SECRET}"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    content_type: str
    body: str


# Posts a form to the webhook; a Flask test client or a real HTTP connection.
Post = Callable[[dict[str, str]], Answer]


@dataclass
class Handset:
    """One phone: ``phone.dial("*384*229#")``, ``phone.types("1")``, ``phone.sees("Choisissez")``."""

    msisdn: str
    post: Post
    septets: int = 160
    session_id: str = ""
    code: str = ""
    text: str = ""
    screen: str = ""
    open: bool = False
    inputs: int = 0
    shown: list[str] = field(default_factory=list)

    def dial(self, code: str = "*384*229#", deep: str = "") -> Handset:
        """A new session; ``deep`` is what was dialled behind the code (``1*2``)."""
        self.session_id, self.code = f"ATUid_{secrets.token_hex(16)}", code
        self.open, self.inputs = True, 0
        self.posts(deep)
        return self

    def types(self, *answers: str) -> Handset:
        """Answer the screen, then the next one, and so on."""
        for answer in answers:
            assert self.open, f"the session is over, it ended with: {self.screen}"
            self.inputs += 1
            self.posts(f"{self.text}*{answer}" if self.text else answer)
        return self

    def picks(self, *labels: str) -> Handset:
        """Type the number that stands before a label, reading on with 98 until it is seen."""
        for label in labels:
            self.types(self.number_of(label))
        return self

    def number_of(self, label: str) -> str:
        """The number of a choice, reading on with 98 as far as needed."""
        while True:
            found = re.search(rf"^(\d+) {re.escape(fold(label))}", self.screen, re.MULTILINE)
            if found:
                return found[1]
            assert self._more(), f"nowhere a choice {label!r}: {self.screen}"
            self.types("98")

    def reads(self) -> str:
        """The whole page, read to its end with 98; without the footers."""
        seen = [self._without_footer()]
        while self._more():
            self.types("98")
            seen.append(self._without_footer())
        return "\n".join(seen)

    def _more(self) -> bool:
        return re.search(r"^98 ", self.screen, re.MULTILINE) is not None

    def _without_footer(self) -> str:
        return "\n".join(line for line in self.screen.split("\n") if not re.match(r"(98|0|00) ", line))

    def posts(self, text: str) -> str:
        """Post any history in this session, as a bad network might; what the phone then shows."""
        answer = self.raw(text)
        self.text = text
        self.open, self.screen = answer.startswith("CON "), answer[4:]
        self.shown.append(self.screen)
        return answer

    def raw(self, text: str, **other: str) -> str:
        """Post without taking it to heart: the phone stays where it was. The whole answer, checked."""
        form = {
            "sessionId": self.session_id, "phoneNumber": self.msisdn, "networkCode": "99999",
            "serviceCode": self.code, "text": text, **other,
        }  # fmt: skip
        return checked(self.post(form), self.septets)

    def repeats(self, times: int = 2) -> Handset:
        """The network delivers the last request again: the same answer, to the letter."""
        before = f"{'CON' if self.open else 'END'} {self.screen}"
        for _ in range(times):
            assert self.raw(self.text) == before
        return self

    def sees(self, *texts: str) -> Handset:
        """Each text stands on the screen, as a phone shows it."""
        for text in texts:
            assert fold(text) in self.screen, f"{text!r} is not on the screen: {self.screen}"
        return self

    def sees_not(self, *texts: str) -> Handset:
        for text in texts:
            assert fold(text) not in self.screen, f"{text!r} is on the screen: {self.screen}"
        return self

    def hears_the_end(self) -> Handset:
        """The session was closed by the gateway."""
        assert not self.open, f"still open: {self.screen}"
        return self

    def is_asked(self) -> Handset:
        """The session is open."""
        assert self.open, f"over: {self.screen}"
        return self


def checked(answer: Answer, budget: int) -> str:
    """The body of an answer that any phone can show: 200, CON or END, GSM letters, within the budget."""
    assert answer.status == 200, answer
    assert answer.content_type.startswith("text/plain"), answer
    assert answer.body[:4] in ("CON ", "END "), answer
    screen = answer.body[4:]
    assert screen.strip(), answer
    assert septets(screen) <= budget, f"{septets(screen)} septets of {budget}: {screen}"
    return answer.body
