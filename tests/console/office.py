"""People at work in the office's pages: they enter, read what a page says, fill in its forms by their labels.

A page is read as a browser without script reads it. ``person.fill("Name", "Awa").press("Save")`` finds the field by its
label and the form by its button, sends every hidden field along, and follows where it is sent.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from gateway.console.entry import sessions
from gateway.store.schema import login
from gateway.store.unit import Store, Unit
from tests.ussd.world import Place

PATH = "/console"
# Who works in this office: by role, where, and their number.
PEOPLE = {
    "treasurer": ("treasurer", "Rafiou Gounou", "Mutuelle Ouaké", "+2290150000820"),
    "animator": ("animator", "Salamatou Issa", "Mutuelle Ouaké", "+2290150000821"),
    "adviser": ("adviser", "Gisèle Ahouansou", "ouake", "+2290150000822"),
    "administrator": ("administrator", "Bariou Tchao", "ouake", "+2290150000823"),
    "second administrator": ("administrator", "Mamatou Sanni", "ouake", "+2290150000824"),
    "second treasurer": ("treasurer", "Yacoubou Idrissou", "Mutuelle Ouaké", "+2290150000825"),
    "neighbour": ("administrator", "Désiré Nkurunziza", "umoja", "+25763000830"),
    "neighbouring treasurer": ("treasurer", "Claudine Irakoze", "Mutuelle Anandana", "+2290150000826"),
}
VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "rect", "path", "line", "use", "circle"})


@dataclass
class Control:
    """A field of a form."""

    tag: str
    name: str
    value: str = ""
    kind: str = "text"
    options: list[tuple[str, str]] = field(default_factory=list)
    checked: bool = False
    label: str = ""
    id: str = ""


@dataclass
class Form:
    """A form, its fields and its buttons (name, value, label)."""

    method: str
    action: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """What a page says and offers."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.labels: dict[str, str] = {}
        self.title = ""
        self._stack: list[tuple[str, dict[str, str]]] = []
        self._label_of: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("method", "get").lower(), given.get("action", "")))
        elif tag in ("input", "select", "textarea") and self.forms:
            control = Control(
                tag, given.get("name", ""), given.get("value", ""), given.get("type", "text"), id=given.get("id", "")
            )
            control.checked = "checked" in given
            self.forms[-1].controls.append(control)
            if any(open_tag == "label" for open_tag, _ in self._stack):
                self._label_of = control
        elif tag == "option":
            self.forms[-1].controls[-1].options.append((given.get("value", ""), ""))
            if "selected" in given:
                self.forms[-1].controls[-1].value = given.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", ""), ""))
        elif tag == "a" and "href" in given:
            self.links.append((given["href"], ""))
        if tag not in VOID:
            self._stack.append((tag, given))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._stack:
            closed, _ = self._stack.pop()
            if closed == tag:
                break
        if tag == "label":
            self._label_of = None

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        if not text.strip() or not self._stack:
            return
        tags = [tag for tag, _ in self._stack]
        if "title" in tags and "svg" not in tags:
            self.title += text
            return
        if tags[-1] == "textarea":
            self.forms[-1].controls[-1].value += data.lstrip("\n")
        elif "option" in tags:
            value, label = self.forms[-1].controls[-1].options[-1]
            self.forms[-1].controls[-1].options[-1] = (value, (label + text).strip())
        else:
            self.texts.append(text.strip())
        if "label" in tags:
            target = next(given.get("for", "") for tag, given in reversed(self._stack) if tag == "label")
            if target:
                self.labels[target] = (self.labels.get(target, "") + text).strip()
            elif self._label_of is not None:
                self._label_of.label = (self._label_of.label + text).strip()
        if "button" in tags and self.forms and self.forms[-1].buttons:
            name, value, label = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, (label + text).strip())
        if "a" in tags and self.links:
            href, label = self.links[-1]
            self.links[-1] = (href, (label + text).strip())


@dataclass
class Sight:
    """A page as somebody sees it."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @cached_property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @cached_property
    def read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.html)
        return reader

    @property
    def text(self) -> str:
        """All that can be read, in order."""
        return unescape(" ".join(self.read.texts)).replace("\u202f", " ").replace("\xa0", " ")

    @property
    def forms(self) -> list[Form]:
        return self.read.forms

    def link(self, label: str) -> str:
        """Where the first link of a label leads."""
        found = [href for href, text in self.read.links if label in text]
        assert found, f"no link {label!r}; there are {[text for _, text in self.read.links]}"
        return found[0]


class Somebody:
    """A person with a browser that runs no script."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = place.app.test_client()
        self.page: Sight = Sight(TestResponse(iter(()), "200 OK", [], self.client.get("/health/live").request))  # type: ignore[arg-type]
        self.filled: dict[str, Any] = {}

    def get(self, path: str, **headers: str) -> Sight:
        """Open a page below ``/console`` (or a whole path) and follow where it sends."""
        where = path if path.startswith(PATH) else PATH + path
        return self._see(self.client.get(where, headers=headers))

    def follow(self, label: str) -> Sight:
        """Click the first link that says so."""
        return self._see(self.client.get(self.page.link(label)))

    def _see(self, response: TestResponse) -> Sight:
        steps = 0
        while response.status_code in (301, 302, 303):
            steps += 1
            assert steps < 6, "sent round in circles"
            response = self.client.get(response.headers["Location"])
        self.page, self.filled = Sight(response), {}
        return self.page

    def fill(self, label: str, value: Any) -> Somebody:
        """Type into, choose or tick the field of a label; a file is (name, bytes). Sent by the next :meth:`press`."""
        self.filled[label] = value
        return self

    def press(self, button: str, form: int | None = None) -> Sight:
        """Send the form of a button, the first one where several have it."""
        found = [
            (one, each) for one in self.page.forms for each in one.buttons if each[2] == button or button in each[2]
        ]
        assert found, f"no button {button!r}; there are {[each[2] for one in self.page.forms for each in one.buttons]}"
        chosen, (name, value, _) = found[form or 0]
        fields = self._fields(chosen)
        if name:
            fields.append((name, value))
        return self.send(chosen, fields)

    def send(self, form: Form, fields: list[tuple[str, Any]]) -> Sight:
        """Send a form as it is; to try what a browser wouldn't."""
        if form.method == "get":
            return self._see(self.client.get(form.action, query_string=fields))
        data: dict[str, Any] = {}
        for key, value in fields:
            data.setdefault(key, []).append((io.BytesIO(value[1]), value[0]) if isinstance(value, tuple) else value)
        return self._see(self.client.post(form.action, data=data))

    def _fields(self, form: Form) -> list[tuple[str, Any]]:
        fields: list[tuple[str, Any]] = []
        left = dict(self.filled)
        # Of radio buttons one is chosen: the one that was there before isn't any more.
        chosen = {one.name for one in form.controls if one.kind == "radio" and any(map(one.label.startswith, left))}
        for one in form.controls:
            if one.kind == "radio" and one.name in chosen:
                one.checked = False
            label = one.label or self.page.read.labels.get(one.id, "")
            mine = next((each for each in left if each == one.name or (label and label.startswith(each))), None)
            if one.kind in ("checkbox", "radio"):
                if mine is not None and one.kind == "checkbox":
                    one.checked = bool(left.pop(mine))
                elif mine is not None:
                    one.checked = bool(left[mine])
                if one.checked:
                    fields.append((one.name, one.value or "on"))
                continue
            value: Any = one.value
            if mine is not None:
                value = left.pop(mine)
                if one.tag == "select":
                    values = [key for key, text in one.options if value in (key, text) or (text and value in text)]
                    assert values, f"{label!r} offers no {value!r}: {one.options}"
                    value = values[0]
            elif one.tag == "select" and not value and one.options:
                value = one.options[0][0]
            if one.kind == "file" and not isinstance(value, tuple):
                continue
            fields.append((one.name, value))
        radios = {one.label for one in form.controls if one.kind == "radio"}
        unknown = [each for each in left if not any(label.startswith(each) for label in radios)]
        assert not unknown, f"no field {unknown}; labels are {sorted(self.page.read.labels.values())}"
        return fields


class Office:
    """The office, and whoever works there."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def store(self) -> Store:
        return self.place.runtime.store

    def enter(self, who: str) -> Somebody:
        """Somebody of :data:`PEOPLE` who has entered."""
        role, name, at, msisdn = PEOPLE[who]
        return self.enter_as(role, name, at, msisdn)

    def enter_as(self, role: str, name: str, at: str, msisdn: str) -> Somebody:
        """Somebody with a role, who has entered."""
        known = self.place.ask(select(login.c.id).where(login.c.msisdn == msisdn))
        if not known:
            self.place.staff_with(msisdn, role, name, at, pin=None)
        with self.store.write() as unit:
            # Secured as far as the pages can see; entering itself is tried elsewhere.
            login_id = known[0][0] if known else self._know(unit, msisdn, name)
            token = sessions.start(unit, login_id, address="192.0.2.7", agent="Browser without script")
        somebody = Somebody(self.place)
        somebody.client.set_cookie(sessions.COOKIE, token, path=PATH)
        return somebody

    @staticmethod
    def _know(unit: Unit, msisdn: str, name: str) -> int:
        row = {"msisdn": msisdn, "name": name, "created_at": unit.now, "totp_on_at": unit.now}
        return int(unit.connection.execute(insert(login).values(row)).inserted_primary_key[0])  # type: ignore[index]

    def visitor(self) -> Somebody:
        """Somebody who hasn't entered."""
        return Somebody(self.place)
