"""One's own account: password, second factor, passkeys, the devices that are inside, the language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import segno

from gateway.console.answers import Answer, Done, Go, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.entry import entering, logins, passkeys, passwords, second_factor, sessions
from gateway.console.entry.devices import device_words
from gateway.console.entry.entering import NotIn
from gateway.console.entry.logins import Login
from gateway.console.entry.proof import PROOF_FOR_S, is_proved, proof_of
from gateway.console.pages.enter import PROOF, new_password, own_keys, secret, told
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.network.staff import Member
from gateway.store.effects import effect_key, once
from gateway.store.unit import Unit

AREA = Area("account")
CODES_SHOWN_FOR_S = 15 * 60
LANGUAGES = {"fr": "Français", "en": "English"}
A_YEAR_S = 365 * 24 * 3600
_SHOWN = "codes shown"


# --- what there is ----------------------------------------------------------------------------------------------------


@AREA.get("/account", Right.INSIDE)
def account(visit: Visit) -> Answer:
    """Everything about one's own entrance, in one look."""
    one = _self(visit)
    with visit.store.read() as connection:
        keys = passkeys.of(connection, one.login_id)
        devices = sessions.open_ones(connection, one.login_id, visit.now)
        codes = second_factor.recovery_left(connection, one.login_id)
    values = {
        "one": one,
        "roles": [(role_words(visit, each), visit.tree[each.organisation_id].name) for each in one.roles],
        "passkeys": keys,
        "codes": codes,
        "devices": [(each, device_words(each.agent)) for each in devices],
        "at_time": lambda moment: _moment(visit, moment),
        "chosen": visit.say.language,
    }
    return Page("entry/account.html", visit.say("My account"), values)


@AREA.post("/account/language", Right.INSIDE, shown_by=account)
def choose_language(visit: Visit) -> Answer:
    """Read the office in this language, on this device from now on and on new ones."""
    language = visit.choice("language", list(LANGUAGES))

    def act(unit: Unit) -> Done:
        logins.choose_language(unit, visit.who.login_id, language)
        return Done("/account")

    visit.keep("language", language, A_YEAR_S)
    return _do(visit, "account.language_chosen", act)


@AREA.post("/account/sessions", Right.INSIDE, shown_by=account)
def end_session(visit: Visit) -> Answer:
    """End the session of another device, or of all others."""
    which = visit.sent.get("session")

    def act(unit: Unit) -> Done:
        own = visit.who.login_id
        if which == "others":
            ended = sessions.end_others(unit, own, visit.who.session_id)
        else:
            its_id = int(which) if which.isdecimal() and len(which) < 19 else 0
            ended = int(its_id != visit.who.session_id and sessions.end(unit, own, its_id))
        note = visit.say.many("{count} device is outside now.", "{count} devices are outside now.", ended)
        return Done("/account", note, after={"sessions": ended})

    return _do(visit, "account.sessions_ended", act)


# --- showing again who one is -----------------------------------------------------------------------------------------


@AREA.get("/account/second-factor/proof", Right.INSIDE)
def proof_page(visit: Visit) -> Answer:
    """Show again who you are: before anything is changed with which you enter."""
    return _ask_for_proof(visit, _there(visit))


@AREA.post("/account/second-factor/proof", Right.INSIDE)
def prove(visit: Visit) -> Answer:
    """Show it by password, and code where there is one."""
    keys, password, code = own_keys(visit), secret(visit, "password"), visit.sent.get("code")

    def once_done(unit: Unit) -> dict[str, Any]:
        one = logins.locked(unit, visit.who.login_id)
        if one is None:
            return {"wait_s": 0, "looked": True}
        wrong = entering.prove(unit, keys, one, password, code, address=visit.address)
        if wrong is not None:
            return {"wait_s": int(wrong.wait.total_seconds()), "looked": wrong.looked}
        return {"proof": proof_of(keys, one, visit.who.session_id, unit.now)}

    # A wrong one is counted, so it isn't undone; a second click is answered as the first one was.
    key = effect_key("office-proof", str(visit.who.session_id), visit.sent.get("once"))
    outcome = once(visit.store, key, "office-proof", once_done)
    if "proof" in outcome:
        visit.keep(PROOF, outcome["proof"], PROOF_FOR_S)
        return Go(_there(visit))
    answer = NotIn(timedelta(seconds=outcome["wait_s"]), outcome["looked"])
    raise Refused(told(visit.say, visit.say("This is wrong: look at it again."), answer))


# --- the password -----------------------------------------------------------------------------------------------------


@AREA.get("/account/password", Right.INSIDE)
def password_page(visit: Visit) -> Answer:
    """Choose another password."""
    one = _self(visit)
    if not _proved(visit, one):
        return _ask_for_proof(visit, "/account/password")
    values = {"one": one, "least": passwords.LEAST, "longest": passwords.MOST}
    return Page("entry/account_password.html", visit.say("Another password"), values)


@AREA.post("/account/password", Right.INSIDE)
def change_password(visit: Visit) -> Answer:
    """Keep another password; whoever is inside on another device is out."""
    one = _must_be_proved(visit)
    sealed = passwords.seal(new_password(visit, one))

    def act(unit: Unit) -> Done:
        logins.keep_password(unit, one.login_id, sealed)
        sessions.end_others(unit, one.login_id, visit.who.session_id)
        return Done("/account", visit.say("Your new password is kept. Other devices must enter again."))

    return _do(visit, "account.password_changed", act)


# --- the second factor ------------------------------------------------------------------------------------------------


@AREA.get("/account/second-factor", Right.INSIDE)
def second_factor_page(visit: Visit) -> Answer:
    """The second factor as it is; where there is none, setting it up."""
    one = _self(visit)
    return _second_factor_page(visit, one) if one.has_second_factor else _app_page(visit, one)


def _second_factor_page(visit: Visit, one: Login) -> Page:
    if not _proved(visit, one):
        return _ask_for_proof(visit, "/account/second-factor")
    with visit.store.read() as connection:
        left = second_factor.recovery_left(connection, one.login_id)
    values = {"one": one, "left": left, "needed": _is_needed(one)}
    return Page("entry/account_second_factor.html", visit.say("Second factor"), values)


@AREA.get("/account/second-factor/app", Right.INSIDE)
def app_page(visit: Visit) -> Answer:
    """A secret to be scanned or typed into an app, and its first code."""
    return _app_page(visit, _self(visit))


def _app_page(visit: Visit, one: Login) -> Page:
    if not _proved(visit, one):
        return _ask_for_proof(visit, "/account/second-factor/app")
    keys, sealed = own_keys(visit), visit.sent.get("offer")
    known = second_factor.offered(keys, one.login_id, one.name, sealed, visit.now) if sealed else None
    new = known or second_factor.offer(keys, one.login_id, one.name, visit.now)
    drawn = segno.make(new.uri, error="m", micro=False).svg_inline(scale=4, border=4, light="#fff", omitsize=False)
    values = {"one": one, "offer": new, "qr": drawn, "needed": _is_needed(one)}
    title = visit.say("Another phone") if one.has_second_factor else visit.say("Set up the second factor")
    return Page("entry/account_app.html", title, values)


@AREA.post("/account/second-factor/app", Right.INSIDE)
def take_app_into_use(visit: Visit) -> Answer:
    """Keep the secret once its first code is right, and show recovery codes."""
    one, keys = _must_be_proved(visit), own_keys(visit)
    new = second_factor.offered(keys, one.login_id, one.name, visit.sent.get("offer"), visit.now)
    if new is None:
        raise Refused(visit.say("That took too long: scan this code, it is a new one."))

    def act(unit: Unit) -> Done:
        codes = second_factor.take_into_use(unit, keys, one.login_id, new, visit.sent.get("code"))
        if codes is None:
            raise Refused(
                visit.say("This code is wrong. Wait for the next one; if that is wrong too, set your phone's clock."),
                "code",
            )
        sessions.end_others(unit, one.login_id, visit.who.session_id)
        return _codes_to_show(visit, codes)

    return _do(visit, "account.second_factor_on", act)


@AREA.get("/account/second-factor/codes", Right.INSIDE)
def codes_page(visit: Visit) -> Answer:
    """Recovery codes, just made; later they can only be made anew."""
    one = _self(visit)
    content = own_keys(visit).unseal(_SHOWN, visit.asked.get("shown"), visit.now, CODES_SHOWN_FOR_S)
    codes = content[1:] if isinstance(content, list) and content[0] == visit.who.session_id else []
    if codes or not one.has_second_factor:
        values = {"codes": codes}
        return Page("entry/account_codes.html", visit.say("Recovery codes"), values)
    return _second_factor_page(visit, one)


@AREA.post("/account/second-factor/codes", Right.INSIDE)
def renew_codes(visit: Visit) -> Answer:
    """Ten new recovery codes; the old ones are good no more."""
    one = _must_be_proved(visit)
    if not one.has_second_factor:
        raise NotThere

    def act(unit: Unit) -> Done:
        return _codes_to_show(visit, second_factor.renew_recovery(unit, own_keys(visit), one.login_id))

    return _do(visit, "account.recovery_renewed", act)


@AREA.post("/account/second-factor/off", Right.INSIDE, shown_by=second_factor_page)
def switch_off(visit: Visit) -> Answer:
    """Enter by the password alone from now on; an administrator can't."""
    one = _must_be_proved(visit)
    if _is_needed(one):
        raise Refused(visit.say("An administrator has a second factor: it can't be switched off."))

    def act(unit: Unit) -> Done:
        second_factor.take_away(unit, one.login_id)
        return Done("/account", visit.say("The second factor is off: you enter with your password alone."))

    return _do(visit, "account.second_factor_off", act)


# --- passkeys ---------------------------------------------------------------------------------------------------------


@AREA.get("/account/passkeys", Right.INSIDE)
def passkeys_page(visit: Visit) -> Answer:
    """Add a passkey on this device."""
    one = _self(visit)
    if not _proved(visit, one):
        return _ask_for_proof(visit, "/account/passkeys")
    with visit.store.read() as connection:
        question = passkeys.ask_to_add(connection, _place(visit), own_keys(visit), one, visit.now)
    values = {"question": question, "suggested": device_words(visit.device), "longest": passkeys.LONGEST_NAME}
    return Page("entry/account_passkeys.html", visit.say("Add a passkey"), values)


@AREA.post("/account/passkeys", Right.INSIDE)
def add_passkey(visit: Visit) -> Answer:
    """Keep the passkey that this device has made."""
    one, name = _must_be_proved(visit), visit.text("name", most=passkeys.LONGEST_NAME)
    answer, sealed = visit.sent.get("answer"), visit.sent.get("sealed")
    if not answer:
        raise Refused(visit.say("Your browser made no passkey: it needs script, and a device that can be locked."))

    def act(unit: Unit) -> Done:
        its_id = passkeys.add(unit, _place(visit), own_keys(visit), one, sealed, answer, name)
        note = visit.say("The passkey is kept: you can enter with it from now on.")
        return Done("/account", note, after={"passkey": its_id, "name": name})

    return _do(visit, "account.passkey_added", act)


@AREA.post("/account/passkeys/remove", Right.INSIDE, shown_by=account)
def remove_passkey(visit: Visit) -> Answer:
    """Enter by this passkey no more."""
    which = visit.sent.get("passkey")

    def act(unit: Unit) -> Done:
        its_id = int(which) if which.isdecimal() and len(which) < 19 else 0
        if not passkeys.remove(unit, visit.who.login_id, its_id):
            raise Refused(visit.say("This passkey is gone already."))
        return Done("/account", visit.say("The passkey is gone."), before={"passkey": its_id})

    return _do(visit, "account.passkey_removed", act)


# --- in common --------------------------------------------------------------------------------------------------------


def role_words(visit: Visit, role: Member) -> str:
    """A role as people call it."""
    say = visit.say
    names = {
        "treasurer": say("treasurer"),
        "animator": say("animator"),
        "adviser": say("medical adviser"),
        "administrator": say("administrator"),
    }
    return names[role.role]


def _self(visit: Visit) -> Login:
    with visit.store.read() as connection:
        one = logins.by_id(connection, visit.who.login_id)
    if one is None:
        raise NotThere
    return one


def _do(visit: Visit, what: str, act: Callable[[Unit], Done]) -> Go:
    own = visit.who
    return visit.do(what, act, about=f"login:{own.login_id}", place=own.roles[0].organisation_id)


def _moment(visit: Visit, moment: datetime) -> str:
    """A day and an hour where the person is."""
    local = moment.astimezone(ZoneInfo(visit.at.time_zone))
    return f"{visit.say.show(local.date())} {local:%H:%M}"


def _place(visit: Visit) -> passkeys.Place:
    return passkeys.place_of(visit.parts.settings.public_url)


def _proved(visit: Visit, one: Login) -> bool:
    return is_proved(own_keys(visit), one, visit.who.session_id, visit.cookies.get(PROOF, ""), visit.now)


def _must_be_proved(visit: Visit) -> Login:
    one = _self(visit)
    if not _proved(visit, one):
        raise Refused(visit.say("It is a while since you showed that it is you: nothing was changed."))
    return one


def _ask_for_proof(visit: Visit, there: str) -> Page:
    values = {"one": _self(visit), "next": there, "longest": passwords.MOST}
    return Page("entry/account_proof.html", visit.say("First show that it is you"), values)


def _is_needed(one: Login) -> bool:
    return any(each.role == "administrator" for each in one.roles)


def _codes_to_show(visit: Visit, codes: list[str]) -> Done:
    # They stand sealed in the address, so that a second click shows the same ones: they can be read for as long as the
    # page says, in this session alone.
    sealed = own_keys(visit).seal(_SHOWN, [visit.who.session_id, *codes], visit.now)
    return Done(f"/account/second-factor/codes?shown={quote(sealed)}")


def _there(visit: Visit) -> str:
    there = visit.sent.get("next") or visit.asked.get("next")
    known = {each.path for each in AREA.doors if each.method == "GET"}
    return there if there in known else "/account"
