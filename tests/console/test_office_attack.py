"""The office under attack: what nobody types by accident does no harm, and nothing that is sent breaks a page."""

from __future__ import annotations

import io
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from gateway.cli.office import new_link
from gateway.console import staffing
from gateway.console import web as desk
from gateway.console.answers import Answer, Done, Go, Page
from gateway.console.areas import AREAS
from gateway.console.doors import Area
from gateway.console.entry import links, passwords, sessions
from gateway.console.pages import basics
from gateway.console.rights import GRANTS, Right
from gateway.console.visit import Visit
from gateway.kernel.money import BadAmount, read_amount
from gateway.kernel.sealing import keys_of
from gateway.network.organisations import add_organisation
from gateway.network.staff import add as add_role
from gateway.store.schema import (
    collection,
    difference,
    effect,
    entry,
    household,
    line,
    login,
    login_session,
    message,
    office_event,
    staff,
    wallet,
)
from gateway.store.tracing import Outside
from gateway.store.unit import Unit
from tests.console.office import PEOPLE, Form, Office, Somebody
from tests.console.test_doors import path_to
from tests.console.things import one_of_each
from tests.ussd.world import Place, StandingRuntime

PAGES = [door for area in AREAS for door in area.doors if door.method == "GET"]
NASTY = {
    "nul": "a\x00b",
    "long digits": "9" * 5_000,
    "beyond 64 bits": "99999999999999999999",
    "nearly 64 bits": "9223372036854775807",
    "leading noughts": "000000000000019999999999",
    "last day": "9999-12-31",
    "first day": "0001-01-01",
    "negative": "-5",
    "nought": "0",
    "pattern": "%_'\"\\%",
    "markup": "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "turned round": "\u202eabc\u202c\u2066\ufeff",
    "formula": "=cmd|' /C calc'!A0",
    "words": "mot " * 900,
    "emoji": "👩🏾‍🌾" * 30,
    "curly": "{name} {0} {x!r:>9999999}",
    "month": "9999-12",
}


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is slowed down here."""
    monkeypatch.setattr(desk, "POSTS_A_MINUTE", 10**6)
    monkeypatch.setattr(desk, "REQUESTS_A_MINUTE", 10**6)


ALONE = ("nul", "last day", "nearly 64 bits")
ORDINARY = {"date": "2026-11-20", "number": "1", "tel": "0197000077", "month": "2026-11"}


def _typed(form: Form, nasty: str, only: str | None) -> list[tuple[str, str]]:
    """The fields of a form with something nasty in each that is typed, or in one of them alone."""
    fields = []
    for one in form.controls:
        if not one.name:
            continue
        if one.kind in ("checkbox", "radio"):
            fields.append((one.name, one.value or "on"))
        elif one.kind == "hidden" and one.name in ("csrf", "once"):
            fields.append((one.name, one.value))
        elif one.tag == "select" and only != one.name:
            fields.append((one.name, one.value or (one.options[-1][0] if one.options else "")))
        elif only in (None, one.name):
            fields.append((one.name, nasty))
        else:
            fields.append((one.name, one.value or ORDINARY.get(one.kind, "1000")))
    return fields


def _ways(form: Form, nasty: str) -> list[str | None]:
    """All of its fields at once, then of the worst each alone."""
    if nasty not in ALONE:
        return [None]
    return [None, *dict.fromkeys(one.name for one in form.controls if one.name and one.name not in ("csrf", "once"))]


def _forms(office: Office, who: str) -> Iterator[tuple[str, str]]:
    things = one_of_each(office)
    somebody = office.enter(who)
    for door in PAGES:
        if door.right in GRANTS[who] or door.right.value in ("anybody", "inside"):
            path = path_to(door, things)
            if not path.startswith(("/console/leave", "/console/language")):
                yield door.path, path
    del somebody


# One that found much is typed in every run; the others in long ones.
SHARE = ("markup",)
EACH = [pytest.param(one, marks=() if one in SHARE else pytest.mark.long) for one in NASTY]


@pytest.mark.parametrize("who", ["administrator", "treasurer"])
@pytest.mark.parametrize("nasty", EACH, ids=str)
def test_nothing_that_is_typed_breaks_a_page(
    pg_office: Office, who: str, nasty: str, unhurried: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    somebody = pg_office.enter(who)
    broken: list[str] = []

    def note(where: str, status: int) -> None:
        if status >= 500:
            error = next((str(r.exc_info[1])[:200] for r in caplog.records if r.exc_info), "?")
            broken.append(f"{where}: {status} {error}")
        caplog.clear()

    for name, path in list(_forms(pg_office, who)):
        page = _try(somebody, broken, f"GET {name}", path)
        if page is None:
            continue
        note(f"GET {name}", page)
        for form in list(somebody.page.forms):
            if form.action.startswith(("/console/leave", "/console/language", "/console/account")):
                continue
            for only in _ways(form, nasty):
                what = f"{form.method} {form.action} of {name} ({only})"
                try:
                    note(what, _send(somebody, form, _typed(form, NASTY[nasty], only)))
                except Exception as error:
                    broken.append(f"{what}: {type(error).__name__} {str(error)[:150]}")
    assert broken == []


def _send(somebody: Somebody, form: Form, fields: list[tuple[str, str]]) -> int:
    if form.method == "get":
        return somebody.client.get(form.action, query_string=fields).status_code
    data: dict[str, list[str]] = {}
    for key, value in fields:
        data.setdefault(key, []).append(value)
    data["once"] = [secrets.token_urlsafe(12)]
    return somebody.client.post(form.action, data=data).status_code


def _try(somebody: Somebody, broken: list[str], what: str, path: str) -> int | None:
    try:
        return somebody.get(path).status
    except Exception as error:
        broken.append(f"{what}: {type(error).__name__} {str(error)[:150]}")
        return None


# --- the form's own key -----------------------------------------------------------------------------------------------


TRIAL = Area("attack")


@TRIAL.get("/attack", Right.SEE_TODAY)
def attack_page(visit: Visit) -> Answer:
    """A page with a form, of these tests."""
    return Page("style.html", "Attack")


@TRIAL.post("/attack", Right.SEE_TODAY)
def attacked(visit: Visit) -> Answer:
    amount = visit.count("amount", least=1, most=1_000_000)

    def act(unit: Unit) -> Done:
        return Done("/attack", f"Taken: {amount}", after={"amount": amount}, place=visit.at.id)

    return visit.do("attack.taken", act)


@pytest.fixture
def with_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """An area more, before the application is made."""
    monkeypatch.setattr(desk, "AREAS", (*AREAS, TRIAL))


def _tokens(somebody: Somebody) -> dict[str, str]:
    form = next(one for one in somebody.get("/style").forms if one.action == "/console/style")
    return {one.name: one.value for one in form.controls if one.name in ("csrf", "once")}


def _events(office: Office) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(office_event)) or 0


def test_the_same_form_with_another_amount_is_not_said_to_be_done(pg_office: Office, with_a_trial: None) -> None:
    """Back, another amount, and sent again: the first one's answer would be a lie about the second."""
    somebody = pg_office.enter("treasurer")
    tokens = _tokens(somebody)
    assert somebody.client.post("/console/attack", data={**tokens, "amount": "500"}).status_code == 303
    again = somebody.client.post("/console/attack", data={**tokens, "amount": "500"})
    assert again.status_code == 303
    other = somebody.client.post("/console/attack", data={**tokens, "amount": "700"})
    assert other.status_code == 422
    assert _events(pg_office) == 1
    # The page that comes back has a key of its own: whoever means it sends it.
    fresh = re.search(r'name="once" value="([^"]+)"', other.get_data(as_text=True))
    assert fresh is not None
    meant = somebody.client.post("/console/attack", data={**tokens, "once": fresh[1], "amount": "700"})
    assert meant.status_code == 303
    assert _events(pg_office) == 2


def test_of_many_clicks_at_one_moment_one_counts(pg_office: Office, with_a_trial: None) -> None:
    somebody = pg_office.enter("treasurer")
    data, token = {**_tokens(somebody), "amount": "500"}, somebody.client.get_cookie(sessions.COOKIE, path="/console")
    assert token is not None

    def click(_: int) -> int:
        client = pg_office.place.app.test_client()
        client.set_cookie(sessions.COOKIE, token.value, path="/console")
        return client.post("/console/attack", data=data).status_code

    with ThreadPoolExecutor(8) as clicks:
        assert set(clicks.map(click, range(16))) == {303}
    assert _events(pg_office) == 1


@pytest.mark.parametrize("typed", ["000000000001999999999", "9" * 5_000, "-" + "0" * 11 + "19", "1_0", "１", "+5"])
def test_a_number_is_read_whole(pg_office: Office, with_a_trial: None, typed: str) -> None:
    somebody = pg_office.enter("treasurer")
    answer = somebody.client.post("/console/attack", data={**_tokens(somebody), "amount": typed})
    assert answer.status_code == 422
    assert _events(pg_office) == 0


@pytest.mark.parametrize(
    ("typed", "minor"), [("0" * 22 + "5000", 5000), ("0" * 30, None), ("9" * 40, None), ("1" + "0" * 24, None)]
)
def test_an_amount_is_read_whole(typed: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(BadAmount):
            read_amount(typed, "XOF")
    else:
        assert read_amount(typed, "XOF").minor == minor


# --- cookies ----------------------------------------------------------------------------------------------------------


def test_over_https_a_cookie_that_is_not_bound_to_the_host_is_none(pg_office: Office) -> None:
    """Another host of the same domain can set any cookie but those: what it sets is looked at by nobody."""
    runtime = pg_office.place.runtime
    secure = replace(runtime, settings=runtime.settings.model_copy(update={"public_url": "https://cotisa.example"}))
    place = Place(secure)
    try:
        somebody = Office(place).enter("treasurer")
        token = somebody.client.get_cookie(sessions.COOKIE, path="/console")
        assert token is not None
        seen: list[dict[str, str]] = []
        page = "/console/style"
        for name, value in (("at", "Mutuelle Anandana"), ("note", "x"), ("half", "x"), ("draft", "x")):
            somebody.client.set_cookie(name, value, path="/console")
        assert somebody.client.get(page).status_code == 303  # nor is a session's
        somebody.client.set_cookie(f"__Host-{sessions.COOKIE}", token.value, path="/")

        def looked(visit: Visit) -> Answer:
            seen.append(dict(visit.cookies))
            return Go("/")

        door = next(each for area in AREAS for each in area.doors if each.path == "/style")
        object.__setattr__(door, "handler", looked)
        try:
            fresh = Place(secure)
            client = fresh.app.test_client()
            for name, value in (("at", "x"), ("half", "x"), (f"__Host-{sessions.COOKIE}", token.value)):
                client.set_cookie(name, value, path="/")
            assert client.get(page).status_code == 303
            fresh.close()
        finally:
            object.__setattr__(door, "handler", basics.style)
        assert seen == [{sessions.COOKIE: token.value}]
    finally:
        place.close()


@pytest.mark.parametrize("value", ["\x80\xff", "é" * 50, "a" * 4_000, '"', "\\303\\050", "%00", "\x00"], ids=repr)
def test_no_cookie_breaks_a_page(pg_office: Office, value: str) -> None:
    somebody = pg_office.enter("treasurer")
    own = somebody.client.get_cookie(sessions.COOKIE, path="/console")
    assert own is not None
    for name in ("office", "at", "note", "draft", "half", "proof", "visitor", "language"):
        cookies = {sessions.COOKIE: own.value, name: value}
        header = "; ".join(f"{key}={each}" for key, each in cookies.items())
        for path in ("/console/style", "/console/account", "/console/enter", "/console/enter/code"):
            client = pg_office.place.app.test_client(use_cookies=False)
            answer = client.get(path, headers={"Cookie": header})
            assert answer.status_code in (200, 303), (name, path)


# --- the path ---------------------------------------------------------------------------------------------------------


TEXTS = ["%00", "%ff", "a%0d%0aX:%20y", "..%2f..%2fetc", "%F0%9F%91%A9", "9" * 300, "0001-01-01", "9999-12", "%25"]


@pytest.mark.parametrize("typed", [*TEXTS, str(2**31), str(2**63 - 1), str(2**63), "9" * 4_999, "0", "-1", "１"])
def test_no_path_breaks_a_page(
    pg_office: Office, typed: str, unhurried: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    things, wrong = one_of_each(pg_office), []
    inside = {who: pg_office.enter(who) for who in ("administrator", "treasurer")}
    tokens = _tokens(inside["administrator"])
    for door in (door for area in AREAS for door in area.doors if door.subjects):
        somebody = inside["administrator" if door.right in GRANTS["administrator"] else "treasurer"]
        for name in door.subjects:
            path = path_to(door, {**things, name: typed})
            try:
                answer = somebody.client.open(path, method=door.method, data=tokens if door.method == "POST" else None)
            except Exception as error:
                wrong.append(f"{door.method} {door.path}: {type(error).__name__} {str(error)[:100]}")
                continue
            if answer.status_code >= 500:
                error = next((str(r.exc_info[1])[:120] for r in caplog.records if r.exc_info), "?")
                wrong.append(f"{door.method} {door.path}: {answer.status_code} {error}")
            if "\n" in str(answer.headers.get("Location", "")):
                wrong.append(f"{door.method} {door.path}: {answer.headers['Location']!r}")
            caplog.clear()
    assert wrong == []


# --- what was typed when the session had ended ------------------------------------------------------------------------


def test_a_new_password_is_in_no_draft(pg_office: Office) -> None:
    somebody = pg_office.enter("treasurer")
    somebody.get("/style")
    pg_office.place.wait(hours=2)
    typed = {
        "csrf": "x",
        "once": "x" * 16,
        "new": "quatre mots bien longs",
        "again": "quatre mots bien longs",
        "a": "b",
    }
    assert somebody.client.post("/console/account/password", data=typed).status_code == 303
    draft = somebody.client.get_cookie("draft", path="/console")
    assert draft is not None
    keys = keys_of(pg_office.place.runtime.settings.secret_key.get_secret_value())
    kept = keys.unseal("draft", draft.value, pg_office.place.runtime.clock.now(), 10**6)
    assert kept["fields"] == {"a": ["b"]}


# --- the entrance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["\x00", "+2290150000820\x00", "%", "' or 1=1 --", "9" * 9_000, "\u202e", ""])
@pytest.mark.parametrize("password", ["x\x00y", "p" * 60_000, ""], ids=len)
def test_nothing_typed_at_the_entrance_breaks_it(pg_office: Office, number: str, password: str) -> None:
    stranger = pg_office.visitor()
    form = next(one for one in stranger.get("/enter").forms if one.action.endswith("/enter"))
    tokens = {one.name: one.value for one in form.controls if one.name in ("csrf", "once")}
    answer = stranger.client.post("/console/enter", data={**tokens, "number": number, "password": password})
    assert answer.status_code in (413, 422)


# --- what is another's ------------------------------------------------------------------------------------------------


def test_the_differences_of_another_mutuelle_s_wallet_are_not_listed(pg_office: Office) -> None:
    """A number of an address is compared whole: a wallet that is theirs, then another's number behind it."""
    things = one_of_each(pg_office)
    own, tree = int(things["wallet"]), pg_office.place.runtime.network.tree()
    row = {
        "organisation_id": tree.named("Mutuelle Anandana").id,
        "currency": "XOF",
        "role": "wallet",
        "delay_hours": 24,
    }
    with pg_office.store.write() as unit:
        others = [
            int(unit.connection.execute(insert(wallet).values(**row, operator=f"moov_{n}")).inserted_primary_key[0])  # type: ignore[index]
            for n in range(20)
        ]
        other = next(each for each in others if str(each).startswith(str(own)))
        unit.connection.execute(update(difference).values(wallet_id=other))
    somebody = pg_office.enter("treasurer")
    behind = f"{own:015d}{str(other).removeprefix(str(own))}"  # its first fifteen digits are one's own
    for typed in (str(other), behind, f"{own:015d}" + "9" * 30, f"0{own}"):
        page = somebody.get(f"/reconciliation/differences?wallet={typed}&every=yes")
        assert page.status == 200
        assert "700002" not in page.html


# --- parts that don't answer ------------------------------------------------------------------------------------------


class Failing:
    """Lets the database of an office fail at its statement with a number, as if the connection had broken."""

    def __init__(self, office: Office) -> None:
        self.left, self.engine = -1, office.store.engine
        event.listen(self.engine, "before_cursor_execute", self)

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise OperationalError("the connection broke: Kanari +2290197123456", {}, Exception("the connection broke"))

    def stop(self) -> None:
        event.remove(self.engine, "before_cursor_execute", self)


def _wrong_at(office: Office, act: Callable[[], TestResponse], done: Callable[[], object]) -> list[str]:
    """What went wrong when the database broke at each statement of an act in turn."""
    failing, wrong, before = Failing(office), [], done()
    try:
        for at in range(1, 200):
            failing.left = at
            answer = act()
            if failing.left > 0:  # it got through
                assert answer.status_code in (200, 303), answer.status_code
                assert at > 3
                return wrong
            text = answer.get_data(as_text=True)
            if answer.status_code == 503:
                if "Rien n" not in text and "Nothing" not in text:
                    wrong.append(f"{at}: {text[:200]}")
                if done() != before:
                    wrong.append(f"{at}: half done")
            elif answer.status_code not in (200, 303):
                wrong.append(f"{at}: {answer.status_code}")
            if done() != before:
                return wrong
    finally:
        failing.stop()
    return [*wrong, "never done"]


def test_a_database_that_breaks_at_any_step_of_an_act_leaves_nothing_half_done(
    pg_office: Office, with_a_trial: None, unhurried: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    somebody = pg_office.enter("treasurer")
    data = {**_tokens(somebody), "amount": "500"}
    found = _wrong_at(pg_office, lambda: somebody.client.post("/console/attack", data=data), lambda: _events(pg_office))
    assert found == []
    assert _events(pg_office) == 1
    assert "Kanari" not in caplog.text
    assert "97123456" not in caplog.text


def test_a_database_that_breaks_while_cash_is_taken_posts_nothing(pg_office: Office, unhurried: None) -> None:
    things = one_of_each(pg_office)
    somebody = pg_office.enter("treasurer")
    data = {**_tokens(somebody), "amount": "1000"}

    def posted() -> tuple[object, ...]:
        with pg_office.store.read() as connection:
            tables = (collection, entry, line, message, office_event, effect)
            return tuple(connection.scalar(select(func.count()).select_from(each)) for each in tables)

    path = f"/console/cash/{things['household']}"
    assert _wrong_at(pg_office, lambda: somebody.client.post(path, data=data), posted) == []


def test_a_database_that_breaks_while_somebody_enters_lets_nobody_half_in(pg_office: Office, unhurried: None) -> None:
    pg_office.enter("treasurer")
    with pg_office.store.write() as unit:
        sealed = passwords.seal("quatre mots bien longs")
        unit.connection.execute(update(login).values(password=sealed, password_at=unit.now, totp_on_at=None))
    stranger = pg_office.visitor()
    form = next(one for one in stranger.get("/enter").forms if one.action.endswith("/enter"))
    tokens = {one.name: one.value for one in form.controls if one.name in ("csrf", "once")}
    data = {**tokens, "number": PEOPLE["treasurer"][3], "password": "quatre mots bien longs"}

    def inside() -> object:
        with pg_office.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(login_session))

    assert _wrong_at(pg_office, lambda: stranger.client.post("/console/enter", data=data), inside) == []
    assert stranger.get("/account").status == 200


# --- uploads ----------------------------------------------------------------------------------------------------------


NAMES = [
    "",
    "\x00",
    "../../etc/passwd",
    "C:\\x\\y.csv",
    'a"\r\nX-Evil: 1.csv',
    "x" * 5_000 + ".csv",
    "é\u202e.csv",
    ".",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_no_name_of_a_file_does_harm(pg_office: Office, name: str, unhurried: None) -> None:
    somebody = pg_office.enter("administrator")
    content = b"Famille;Nom;Sexe;Naissance;Lien\n1;Bio Sarre;M;1970;chef\n"
    for page, field in (("/households/imports", "file"), ("/reminders/file", "file")):
        form = next(one for one in somebody.get(page).forms if any(each.kind == "file" for each in one.controls))
        fields = [(key, value) for key, value in _typed(form, "x", "nothing") if key != field]
        data: dict[str, object] = {**dict(fields), field: (io.BytesIO(content), name)}
        answer = somebody.client.post(form.action, data=data, content_type="multipart/form-data")
        assert answer.status_code in (200, 303, 422)
        seen = somebody.client.get(f"/console{page}")
        assert seen.status_code == 200
        assert "X-Evil" not in seen.headers


def test_a_form_of_a_thousand_parts_or_cut_in_the_middle_is_refused(pg_office: Office, unhurried: None) -> None:
    somebody = pg_office.enter("administrator")
    tokens = _tokens(somebody)
    edge = "edge"
    part = '--edge\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    own = "".join(part.format(name, value) for name, value in tokens.items())
    many = own + "".join(part.format(f"x{n}", "y") for n in range(3_000)) + "--edge--\r\n"
    cut = own + '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nNom;Se'
    odd = own + '--edge\r\nContent-Disposition: form-data; name=""; filename=""\r\n\r\n\r\n--edge--\r\n'
    bad = "--edge\r\n" + "A" * 70_000 + "\r\n\r\n--edge--"
    for body in (many, cut, odd, bad, "", "--edge", "\r\n" * 1_000):
        answer = somebody.client.post(
            "/console/households/imports", data=body.encode(), content_type=f"multipart/form-data; boundary={edge}"
        )
        assert answer.status_code in (413, 422, 400)
    for kind in (
        "application/json",
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded;charset=x",
    ):
        answer = somebody.client.post(
            "/console/households/imports", data=b"%ff%fe=\xff\xfe&csrf=\x80", content_type=kind
        )
        assert answer.status_code in (413, 422, 400)


# --- another process of the same office -------------------------------------------------------------------------------


def test_what_another_process_has_just_made_is_there(pg_office: Office) -> None:
    """Each process has read the tree some seconds ago: a new organisation, its people and its pages are there."""
    runtime = pg_office.place.runtime
    other = Place(StandingRuntime(runtime.settings, own_clock=runtime.own_clock))
    try:
        union = runtime.network.tree().named("ouake")
        somebody = pg_office.enter("administrator")
        token = somebody.client.get_cookie(sessions.COOKIE, path="/console")
        assert token is not None
        elsewhere = other.app.test_client()
        elsewhere.set_cookie(sessions.COOKIE, token.value, path="/console")
        assert elsewhere.get("/console/style").status_code == 200  # it knows the tree now
        with pg_office.store.write() as unit:
            made, _ = add_organisation(unit, (union.id, union.path), kind="mutuelle", code="new", name="Neuve")
        assert elsewhere.get(f"/console/network/{made}").status_code == 200
        runtime.network.forget()
        newcomer = pg_office.enter_as("treasurer", "Awa Bio", "new", "+2290150000899")
        with pg_office.store.write() as unit:
            made, _ = add_organisation(unit, (union.id, union.path), kind="mutuelle", code="newer", name="Plus neuve")
            unit.connection.execute(
                update(staff).where(staff.c.msisdn == "+2290150000899").values(organisation_id=made)
            )
        token = newcomer.client.get_cookie(sessions.COOKIE, path="/console")
        assert token is not None
        client = other.app.test_client()
        client.set_cookie(sessions.COOKIE, token.value, path="/console")
        assert client.get("/console/style").status_code == 200
        assert "Plus neuve" in client.get("/console/account").get_data(as_text=True)
        card = pg_office.place.household_with("+2290197000078")
        with pg_office.store.write() as unit:
            made, _ = add_organisation(unit, (union.id, union.path), kind="section", code="newest", name="Neuf")
            its_id = unit.connection.scalar(
                update(household).where(household.c.card == card).values(section_id=made).returning(household.c.id)
            )
        assert elsewhere.get(f"/console/households/{its_id}").status_code == 200
    finally:
        other.close()


@pytest.mark.parametrize("by_command", [False, True])
def test_a_link_made_for_a_small_role_opens_no_greater_one(pg_office: Office, by_command: bool) -> None:
    """Whoever made a link for an animator keeps it, and waits until she is administrator of the union."""
    tree, store = pg_office.place.runtime.network.tree(), pg_office.store
    pg_office.enter("animator")
    name, number = PEOPLE["animator"][1], PEOPLE["animator"][3]
    with store.write() as unit:
        unit.connection.execute(update(login).values(password="sealed", password_at=unit.now))
        token = links.invite(unit, number, by=Outside("Bio Sabi"))
    with store.write() as unit:
        if by_command:
            add_role(unit, tree.named("ouake").id, name, "administrator", number, "fr")
            assert new_link(unit, number, "administrator") == ""
        else:
            doing = staffing.Doing(Outside("Bariou Tchao"), "+2290150000823", "192.0.2.1", lambda place: True)
            role = staffing.NewRole(tree.named("ouake"), "administrator", name, number, "fr")
            assert staffing.appoint(unit, role, doing, "1234", "sealed").token == ""
    with store.read() as connection:
        assert links.read(connection, token, pg_office.place.runtime.clock.now()) is None
