"""A browser without script: it shows what the page says, fills in its forms and presses their buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask.testing import FlaskClient

from gateway.sms.gsm7 import fold


@dataclass
class Form:
    """A form: what it would send, and its submit buttons as name, value and label."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Forms, the texts of elements with an id, and whatever points to another address."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, str | None]] = []
        self._button: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self.addresses += [given[name] for name in ("src", "href", "action", "data-news") if name in given]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "form":
            self.forms.append(Form(given["action"]))
        if tag == "input":
            self.forms[-1].fields[given["name"]] = given.get("value", "")
            self.forms[-1].kinds[given["name"]] = given["type"]
        if tag == "button" and given.get("type") != "button":
            self._button = (given["name"], given["value"])
            self.forms[-1].buttons.append((*self._button, ""))
        if tag not in self.VOID:
            self._open.append((tag, given.get("id")))
            if "id" in given:
                self.texts[given["id"]] = ""
        elif "id" in given:
            self.texts[given["id"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in ("script", "style"):
            self.inline.append(data)
        for _, its_id in self._open:
            if its_id is not None:
                self.texts[its_id] += data
        if self._button is not None:
            name, value, label = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, label + data)


class NoScript:
    """One window of one browser: ``phone.presses("Call")``, ``phone.types("1")``, ``phone.sees("…")``."""

    def __init__(self, client: FlaskClient, language: str = "fr") -> None:
        self.client = client
        self.html = ""
        self.status = 0
        self.pages: list[str] = []
        self.opens(f"/phone?lang={language}")

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.html)
        return reader

    def text(self, its_id: str) -> str:
        return self.read.texts[its_id]

    @property
    def screen(self) -> str:
        return self.text("screen")

    @property
    def call(self) -> Form:
        return next(form for form in self.read.forms if "typed" in form.fields)

    def sees(self, *texts: str) -> NoScript:
        for text in texts:
            assert fold(text) in self.screen, f"{text!r} is not on the screen: {self.screen}"
        return self

    def number_of(self, label: str) -> str:
        """The number of a choice, reading on with 98 as far as needed."""
        while True:
            found = re.search(rf"^(\d+) {re.escape(fold(label))}", self.screen, re.MULTILINE)
            if found:
                return found[1]
            assert re.search(r"^98 ", self.screen, re.MULTILINE), f"nowhere a choice {label!r}: {self.screen}"
            self.types("98")

    # --- doing --------------------------------------------------------------------------------------------------------

    def opens(self, address: str) -> NoScript:
        self._take(self.client.get(address, follow_redirects=True))
        return self

    def reloads(self) -> NoScript:
        return self.opens(self.address)

    def presses(self, value: str, form: Form | None = None, **fields: str) -> NoScript:
        """Press the button with this value, in whatever form it stands; the fields are filled in before."""
        forms = [form] if form is not None else self.read.forms
        found = [(one, name) for one in forms for name, own, _ in one.buttons if own == value]
        assert found, f"no button {value!r} among {[one.buttons for one in forms]}"
        one, name = found[0]
        self._take(self.client.post(one.action, data={**one.fields, **fields, name: value}, follow_redirects=True))
        return self

    def takes(self, number: str) -> NoScript:
        """Write a number into the field for it and take that phone."""
        return self.presses("take", number=number)

    def dials(self, code: str) -> NoScript:
        return self.presses("dial", typed=code)

    def types(self, *answers: str) -> NoScript:
        for answer in answers:
            self.presses("send", typed=answer)
        return self

    def picks(self, *labels: str) -> NoScript:
        for label in labels:
            self.types(self.number_of(label))
        return self

    def _take(self, answer: object) -> None:
        from werkzeug.test import TestResponse

        assert isinstance(answer, TestResponse)
        self.status, self.html = answer.status_code, answer.get_data(as_text=True)
        self.address = answer.request.full_path
        self.headers = answer.headers
        self.pages.append(self.html)
