"""The entrance: a number and a password, a code, a passkey, a one-time link; and the way out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from gateway.console.answers import Answer, Go, Page, Refused
from gateway.console.doors import Area
from gateway.console.entry import entering, links, passkeys, passwords, sessions
from gateway.console.entry.entering import HALF_IN_FOR_S, Entered, HalfIn, NotIn
from gateway.console.entry.logins import Login
from gateway.console.entry.proof import PROOF_FOR_S, proof_of
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.sealing import Keys, digest_of, keys_of
from gateway.locale import Say
from gateway.store.effects import effect_key, once
from gateway.store.unit import Unit

AREA = Area("enter")
HALF, PROOF = "half", "proof"  # cookies
A_MINUTE = timedelta(minutes=1)
# A second click finds the session that the first began, so long after it.
SAME_CLICK_S = 60
LONGEST_NUMBER = 40
_ENTERED = "entered"


# --- a number and a password ------------------------------------------------------------------------------------------


@AREA.get("/enter", Right.ANYBODY)
def entrance(visit: Visit) -> Answer:
    """Who are you?"""
    if visit.inside is not None:
        return Go(_next(visit))
    question = passkeys.ask_to_enter(_place(visit), own_keys(visit), visit.now)
    values = {"next": _next(visit), "question": question, "longest": passwords.MOST}
    return Page("entry/enter.html", visit.say("Enter the office"), values)


@AREA.post("/enter", Right.ANYBODY)
def enter(visit: Visit) -> Answer:
    """Enter by number and password."""
    number, password = _number(visit), secret(visit, "password")

    def act(unit: Unit) -> Entered | HalfIn | NotIn:
        return entering.with_password(
            unit, own_keys(visit), number, password, address=visit.address, agent=visit.device
        )

    wrong = visit.say("The number or the password is wrong.")
    return _come_in(visit, f"password:{number}", act, wrong)


@AREA.get("/enter/code", Right.ANYBODY)
def code_page(visit: Visit) -> Answer:
    """Which code does your app show?"""
    return Page("entry/enter_code.html", visit.say("The code of your app"), {"next": _next(visit)})


@AREA.post("/enter/code", Right.ANYBODY)
def enter_by_code(visit: Visit) -> Answer:
    """Enter by the code, after the password."""
    ticket, code = visit.cookies.get(HALF, ""), visit.sent.get("code")[:LONGEST_NUMBER]

    def act(unit: Unit) -> Entered | HalfIn | NotIn:
        return entering.with_code(unit, own_keys(visit), ticket, code, address=visit.address, agent=visit.device)

    return _come_in(visit, f"code:{digest_of(ticket)}", act, visit.say("This code is wrong, or was used before."))


@AREA.post("/enter/passkey", Right.ANYBODY, shown_by=entrance)
def enter_by_passkey(visit: Visit) -> Answer:
    """Enter by a passkey: it stands for the password and the code."""
    sealed, answer = visit.sent.get("sealed"), visit.sent.get("answer")

    def act(unit: Unit) -> Entered | HalfIn | NotIn:
        one = passkeys.take(unit, _place(visit), own_keys(visit), sealed, answer)
        return entering.let_in(unit, one, address=visit.address, agent=visit.device, how="passkey")

    return _come_in(visit, f"passkey:{digest_of(answer)}", act, "")


# --- a one-time link --------------------------------------------------------------------------------------------------


@AREA.get("/welcome/<token>", Right.ANYBODY)
def welcome(visit: Visit, token: str) -> Answer:
    """Choose a password."""
    with visit.store.read() as connection:
        one = links.read(connection, token, visit.now)
    if one is None:
        over = {"hours": int(links.VALID_FOR.total_seconds() // 3600)}
        return Page("entry/welcome_over.html", visit.say("This link is no longer good"), over, 404)
    values = {"one": one, "token": token, "least": passwords.LEAST, "longest": passwords.MOST}
    return Page("entry/welcome.html", visit.say("Choose your password"), values)


@AREA.post("/welcome/<token>", Right.ANYBODY)
def choose_first_password(visit: Visit, token: str) -> Answer:
    """Keep the password, use the link up, and go in."""
    with visit.store.read() as connection:
        one = links.read(connection, token, visit.now)
    # Whose it was isn't asked any more where a first click has used it up: that one is answered again.
    sealed = passwords.seal(new_password(visit, one)) if one is not None else ""

    def act(unit: Unit) -> Entered | HalfIn | NotIn:
        if not sealed:
            raise links.BadLink(links.NO_LONGER_GOOD)
        chosen = links.use(unit, token, sealed, address=visit.address)
        return entering.go_on(unit, own_keys(visit), chosen, address=visit.address, agent=visit.device)

    return _come_in(visit, f"link:{digest_of(token)}", act, "")


# --- out --------------------------------------------------------------------------------------------------------------


@AREA.get("/leave", Right.INSIDE)
def leave_page(visit: Visit) -> Answer:
    """Do you want to leave?"""
    return Page("entry/leave.html", visit.say("Leave the office"))


@AREA.post("/leave", Right.INSIDE)
def leave(visit: Visit) -> Answer:
    """End this session."""
    with visit.store.write() as unit:
        if sessions.end(unit, visit.who.login_id, visit.who.session_id):
            visit.trace(
                unit,
                "entry.left",
                about=f"login:{visit.who.login_id}",
                place=visit.who.roles[0].organisation_id,
            )
    for name in (sessions.COOKIE, PROOF):
        visit.keep(name, "")
    return Go("/enter", visit.say("You have left. Nobody can go on from here without your password."))


# --- what these pages and those of one's own account have in common ---------------------------------------------------


def own_keys(visit: Visit) -> Keys:
    """The keys of this installation."""
    return keys_of(visit.parts.settings.secret_key.get_secret_value())


def secret(visit: Visit, name: str) -> str:
    """What was typed where a password belongs, with the spaces around it: they may be part of it."""
    values = visit.sent.fields.get(name)
    return values[0] if values else ""


def new_password(visit: Visit, one: Login) -> str:
    """The password that was chosen, typed twice; raises :class:`Refused`."""
    chosen = secret(visit, "new")
    try:
        password = passwords.read_password(chosen, one.msisdn, one.name)
    except passwords.BadPassword as bad:
        raise Refused(bad.said(visit.say), "new") from bad
    if chosen != secret(visit, "again"):
        raise Refused(visit.say("The two aren't the same: type it again."), "again")
    return password


def told(say: Say, wrong: str, answer: NotIn) -> str:
    """What is said to whoever isn't let in."""
    minutes = -(-answer.wait // A_MINUTE)
    if not minutes:
        return wrong
    wait = say.many("Wait a minute, then try again.", "Wait {count} minutes, then try again.", minutes)
    first = wrong if answer.looked else say("There were too many wrong tries.")
    return f"{first} {wait}"


def _come_in(visit: Visit, what: str, act: Callable[[Unit], Entered | HalfIn | NotIn], wrong: str) -> Answer:
    """Let somebody in, or half in; raises :class:`Refused`. A second click is answered as the first one was.

    What was answered is kept beside the form's key: a token only sealed, and only for that second click.
    """
    keys = own_keys(visit)

    def once_done(unit: Unit) -> dict[str, Any]:
        got = act(unit)
        if isinstance(got, Entered):
            proof = "" if got.login.has_second_factor else proof_of(keys, got.login, got.session_id, unit.now)
            return {"in": keys.seal(_ENTERED, [got.token, proof], unit.now)}
        if isinstance(got, HalfIn):
            return {"half": got.ticket}
        return {"wait_s": got.wait.total_seconds(), "looked": got.looked, "over": got.over}

    key = effect_key("office-entry", what, visit.cookies.get("visitor", ""), visit.sent.get("once"))
    try:
        outcome = once(visit.store, key, "office-entry", once_done)
    except Unavailable:
        raise
    except Fault as fault:
        raise Refused(fault.said(visit.say)) from fault
    there = _next(visit)
    if "half" in outcome:
        visit.keep(HALF, outcome["half"], HALF_IN_FOR_S)
        return Go(f"/enter/code?next={quote(there)}" if there != "/" else "/enter/code")
    if "in" in outcome:
        content = keys.unseal(_ENTERED, outcome["in"], visit.now, SAME_CLICK_S)
        if not isinstance(content, list):
            return Go("/enter")
        token, proof = content
        visit.keep(sessions.COOKIE, token)
        visit.keep(HALF, "")
        visit.keep(PROOF, proof, PROOF_FOR_S)
        return Go(there)
    if outcome["over"]:
        return Go("/enter", visit.say("That took too long: begin again."))
    answer = NotIn(timedelta(seconds=outcome["wait_s"]), outcome["looked"])
    raise Refused(told(visit.say, wrong, answer))


def _place(visit: Visit) -> passkeys.Place:
    return passkeys.place_of(visit.parts.settings.public_url)


def _number(visit: Visit) -> str:
    """The number that was typed, in E.164; what is none stays as it is, and belongs to nobody."""
    typed = visit.sent.get("number")[:LONGEST_NUMBER]
    try:
        return read_msisdn(typed, visit.parts.settings.default_country)
    except BadMsisdn:
        return f"?{typed}"


def _next(visit: Visit) -> str:
    """The page that they wanted to see, one of ours."""
    there = visit.sent.get("next") or visit.asked.get("next")
    is_ours = there.startswith("/") and not there.startswith(("//", "/enter", "/leave", "/welcome"))
    return there[:200] if is_ours and there.isprintable() and "\\" not in there else "/"
