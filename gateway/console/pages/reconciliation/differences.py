"""Differences: worked through one after the other with the keyboard alone, or several alike at once; and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from sqlalchemy import Connection, select

from gateway.console.answers import Answer, Done, Go, Page, Refused
from gateway.console.pages.reconciliation.common import (
    ABOUT,
    AREA,
    HOWS,
    KINDS,
    MOVED,
    NOT_SETTLED,
    STEPS,
    called,
    moment,
    own_wallets,
    said,
    theirs_to_see,
)
from gateway.console.pages.reconciliation.common import (
    CHOICES as CHOSEN,
)
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.masking import mask_text
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.membership.households import by_id as household_with
from gateway.payments import collections
from gateway.payments.receipts import receipt_number
from gateway.payments.reconciliation.differences.choices import CHOICES, Choice, choice_of
from gateway.payments.reconciliation.differences.found import Kind, story
from gateway.payments.reconciliation.differences.listing import (
    Difference,
    difference_numbered,
    differences,
    next_open,
    open_by_kind,
)
from gateway.payments.reconciliation.wallets import wallet_with
from gateway.payments.unasked.proposals import WHY, proposals
from gateway.payments.unasked.suspense import held_numbered
from gateway.store.effects import effect_key, once
from gateway.store.schema import incoming, refund
from gateway.store.unit import Unit

if TYPE_CHECKING:
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import Asked, Settled

ROWS = 50
MOST_PROPOSED = 4  # households or payments that stand among the choices; what is further away is typed
REASON_CHARACTERS = 160
LOOK_AGAIN_IN = timedelta(days=7)

# Reasons that are often the case; the first stands in the field already.
REASONS: Sequence[str] = (
    mark("As the statement shows it"),
    mark("Checked with the operator"),
    mark("Checked with the household"),
    mark("Checked with the treasurer"),
    mark("A mistake of ours in the books"),
)
UNDO_REASONS: Sequence[str] = (
    mark("Chosen by mistake"),
    mark("The operator has corrected it"),
    mark("The household says otherwise"),
)
# What somebody else will ask about one day: why is said in one's own words.
OWN_WORDS = frozenset({"confirmed", "lost", "expense", "correction", "income"})
GIVEN = {
    "card": mark("Card of the household"),
    "receipt": mark("Receipt number of the payment"),
    "refund": mark("Number of the refund"),
    "until": mark("Look again from"),
}


# --- the list ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Filter:
    """What of the differences is worked on: of which wallets, and of which kind."""

    wallets: Mapping[int, str]
    wallet_id: int | None
    kind: Kind | None
    every: bool

    @property
    def ids(self) -> list[int]:
        return [self.wallet_id] if self.wallet_id is not None else list(self.wallets)

    def query(self, **more: Any) -> str:
        """It as it stands in an address."""
        own = {"wallet": self.wallet_id, "kind": self.kind, "every": "yes" if self.every else None, **more}
        text = urlencode({name: value for name, value in own.items() if value})
        return f"?{text}" if text else ""


def _filter(visit: Visit, connection: Connection) -> _Filter:
    own = {one.id: called(visit, one) for one in own_wallets(visit, connection)}
    typed = visit.asked.get("wallet")
    wallet_id = next((each for each in own if str(each) == typed), None)
    kind = visit.asked.get("kind")
    known = cast(Kind, kind) if kind in KINDS else None
    return _Filter(own, wallet_id, known, visit.asked.get("every") == "yes")


@AREA.get("/reconciliation/differences", Right.RECONCILE)
def listed(visit: Visit) -> Answer:
    """What differs and waits for somebody; the oldest first."""
    typed = visit.asked.get("after")
    after = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 15 else None
    with visit.store.read() as connection:
        which = _filter(visit, connection)
        found = differences(connection, visit.tree, "/", which.ids, which.kind, which.every, ROWS + 1, after)
        waiting = open_by_kind(connection, which.ids)
    counts: dict[str, int] = {}
    for kinds in waiting.values():
        for kind, (count, _) in kinds.items():
            counts[kind] = counts.get(kind, 0) + count
    alike = [] if which.kind is None or which.every else [
        (each.word, visit.say(each.does)) for each in CHOICES[which.kind] if each.needs is None
    ]  # fmt: skip
    values = {
        "which": which,
        "rows": [_row(visit, which, each) for each in found[:ROWS]],
        "more": found[ROWS - 1].id if len(found) > ROWS else None,
        "counts": [(kind, visit.say(KINDS[kind]), count) for kind, count in counts.items()],
        "all": sum(counts.values()),
        "alike": alike,
        "of_several": which.wallet_id is None and len(which.wallets) > 1,
        "reasons": [(visit.say(each), visit.say(each)) for each in REASONS],
        "first_open": next((each.id for each in found if each.state == "open"), None),
    }
    return Page("reconciliation/differences.html", visit.say("What differs"), values)


def _row(visit: Visit, which: _Filter, one: Difference) -> dict[str, Any]:
    return {
        "id": one.id,
        "number": one.number,
        "kind": visit.say(KINDS[one.kind]),
        "wallet": which.wallets[one.wallet_id],
        "at": moment(visit, one.at, one.organisation_id),
        "theirs": one.theirs,
        "ours": one.ours,
        "by": one.by,
        "operator_id": one.operator_id or "",
        "card": show_card(one.whose) if one.whose else "",
        "state": one.state,
        "stands": _stands(visit, one),
        "alone": one.state == "open",
    }


def _stands(visit: Visit, one: Difference) -> str:
    if one.state == "open":
        return visit.say("Still open")
    choice = visit.say(CHOSEN.get(one.choice or "", one.choice or ""))
    if one.state == "asked":
        if one.settled_at is not None:
            return visit.say("{name} asks to undo: {choice}", name=one.asked_by, choice=choice)
        return visit.say("{name} asks: {choice}", name=one.asked_by, choice=choice)
    return choice if one.choice else visit.say("Explained by itself")


@AREA.post("/reconciliation/differences", Right.RECONCILE)
def settle_alike(visit: Visit) -> Answer:
    """Settle several of one kind by one choice: each by itself, and each once for this form."""
    with visit.store.read() as connection:
        which = _filter(visit, connection)
        numbers = []
        for typed in visit.sent.all("one")[:ROWS]:
            one = difference_numbered(connection, typed)
            theirs_to_see(visit, one)
            assert one is not None
            numbers.append(one)
    if which.kind is None or not numbers:
        raise Refused(visit.say("Tick those that are to be settled."))
    word = visit.choice("choice", [each.word for each in CHOICES[which.kind] if each.needs is None])
    reason = _reason(visit, word)
    settled, asked, left = 0, 0, []
    for one in numbers:
        done = _settle_one_of_many(visit, one, word, reason)
        if done == "settled":
            settled += 1
        elif done == "asked":
            asked += 1
        else:
            left.append(f"{one.number}: {done}")
    notes = [visit.say.many("{count} is settled.", "{count} are settled.", settled)] if settled else []
    if asked:
        notes.append(visit.say.many("{count} waits for another person.", "{count} wait for another person.", asked))
    if left and not settled and not asked:
        raise Refused(" ".join(left[:5]))
    if left:
        notes.append(visit.say("Left as they are: {which}", which=" ".join(left[:5])))
    return Go(f"/reconciliation/differences{which.query()}", " ".join(notes))


def _settle_one_of_many(visit: Visit, one: Difference, word: str, reason: str) -> str:
    """Settle one of several, in a transaction of its own: one at a time, nobody waits for another crosswise."""
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import Asked, settle

    def act(unit: Unit) -> dict[str, Any]:
        chart = visit.parts.services.chart
        done = settle(unit, visit.tree, chart, one.number, word, visit.who.name, reason)
        if isinstance(done, NotSettled):
            raise Refused(_why_not(visit, done, one))
        outcome = "asked" if isinstance(done, Asked) else "settled"
        visit.trace(
            unit, f"difference.{outcome}", about=f"difference:{one.id}", place=one.organisation_id,
            after={"choice": word, "reason": reason},
        )  # fmt: skip
        return {"done": outcome}

    key = effect_key("office", str(visit.who.login_id), "alike", visit.sent.get("once"), str(one.id))
    try:
        return str(once(visit.store, key, "office", act)["done"])
    except Refused as refused:
        return refused.text
    except Unavailable:
        raise
    except Fault as fault:
        return fault.said(visit.say)


# --- one of them ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One of the numbered ways to settle a difference; ``key`` is the figure for it, ``field`` what it needs beside."""

    value: str
    text: str
    about: str
    key: str
    field: str
    two: bool


@AREA.get("/reconciliation/differences/<difference>", Right.RECONCILE)
def difference_page(visit: Visit, row: Any) -> Answer:
    """Both sides next to each other, what may be chosen, and what has happened to it."""
    with visit.store.read() as connection:
        which = _filter(visit, connection)
        one = _known(connection, row.id)
        wallet = called(visit, wallet_with(connection, one.wallet_id))
        events = story(connection, one.id)
        options = _options(visit, connection, one) if one.state == "open" else []
        values = {
            "one": one,
            "which": which,
            "wallet": wallet,
            "kind": visit.say(KINDS[one.kind]),
            "about": visit.say(ABOUT[one.kind]),
            "at": moment(visit, one.at, one.organisation_id),
            "statement_side": _statement_side(visit, connection, one),
            "books_side": _books_side(visit, connection, one),
            "options": options,
            "fields": _fields(visit, options),
            "next": next_open(connection, one.id, which.ids, which.kind, one.id),
            "left": sum(
                count
                for kinds in open_by_kind(connection, which.ids).values()
                for kind, (count, _) in kinds.items()
                if which.kind in (None, kind)
            ),
            "was": _was(visit, connection),
        }
    values |= {
        "steps": [
            {
                "at": moment(visit, each.at, one.organisation_id) if each.at is not None else "",
                "what": visit.say(STEPS[each.what]),
                "choice": visit.say(CHOSEN.get(each.choice, each.choice)) if each.choice else "",
                "by": visit.say("Cotisa") if each.by_name == "gateway" else each.by_name,
                "reason": mask_text(said(visit, each.reason)),
                "entry": each.entry_key or "",
            }
            for each in events
        ],
        "reasons": [(visit.say(each), visit.say(each)) for each in REASONS],
        "undo_reasons": [(visit.say(each), visit.say(each)) for each in UNDO_REASONS],
        "stands": _stands(visit, one),
        "asked_by_me": one.state == "asked" and _same(visit, one.asked_by),
        "undone": one.state == "settled" and one.choice not in (None, "rule"),
        "again_on": (visit.today(one.organisation_id) + LOOK_AGAIN_IN).isoformat(),
    }
    return Page(
        "reconciliation/difference.html", visit.say("{kind} ({number})", kind=values["kind"], number=one.number), values
    )


def _known(connection: Connection, its_id: int) -> Difference:
    from gateway.kernel.numbers import with_check_digit

    found = difference_numbered(connection, with_check_digit(its_id))
    assert found is not None
    return found


def _same(visit: Visit, name: str | None) -> bool:
    from gateway.payments.decisions.two_people import same_person

    return same_person(visit.who.name, name or "")


def _was(visit: Visit, connection: Connection) -> dict[str, Any] | None:
    """The difference that was settled just before, which can be undone from here."""
    typed = visit.asked.get("was")
    if not typed.isascii() or not typed.isdigit() or len(typed) > 15:
        return None
    from gateway.kernel.numbers import with_check_digit

    one = difference_numbered(connection, with_check_digit(int(typed)))
    if one is None or one.state == "open" or not visit.may(Right.RECONCILE, one.organisation_id):
        return None
    return {"id": one.id, "number": one.number, "stands": _stands(visit, one), "asked": one.state == "asked"}


def _options(visit: Visit, connection: Connection, one: Difference) -> list[Option]:
    """The ways to settle it, numbered: those that are known by name first, then what the kind has."""
    from gateway.payments.reconciliation.differences.settling import takes_two

    chosen = {each.word: each for each in CHOICES[one.kind]}
    found: list[tuple[str, str, str, str, Choice]] = []
    if "assign" in chosen and one.incoming_id is not None:
        held = held_numbered(connection, one.incoming_id)
        likely = proposals(connection, visit.tree, held, visit.today(one.organisation_id)) if held is not None else []
        for each in likely[:MOST_PROPOSED]:
            text = visit.say(
                "It is of {name}, card {card}", name=each.household.head, card=show_card(each.household.card)
            )
            why = "; ".join(visit.say(WHY[word]) for word in each.why)
            found.append((f"assign:{each.household.card}", text, why, "", chosen["assign"]))
    if one.kind == "ambiguous":
        from gateway.payments.reconciliation.differences.candidates import candidates

        for payment in candidates(connection, visit.tree, one)[:MOST_PROPOSED]:
            number = receipt_number(payment.id)
            paid = payment.paid or payment.amount
            text = visit.say("It is our payment {number}, {amount}", number=number, amount=paid)
            at = moment(visit, payment.paid_at or payment.created_at, one.organisation_id)
            about = f"{at} · {visit.number(payment.payer)}{_of_whom(visit, connection, payment)}"
            found.append((f"match:{number}", text, about, "", chosen["match"]))
    for choice in CHOICES[one.kind]:
        text = _capital(visit.say(choice.does))
        if choice.word in ("assign", "match") and found:
            text = visit.say("Another one: {what}", what=visit.say(choice.does))
        found.append((choice.word, text, "", choice.needs or "", choice))
    return [
        Option(value, text, about, str(number) if number < 10 else "", field, takes_two(one, choice))
        for number, (value, text, about, field, choice) in enumerate(found, 1)
    ]


def _of_whom(visit: Visit, connection: Connection, payment: collections.Collection) -> str:
    if payment.household_id is None:
        return ""
    family = household_with(connection, visit.tree, payment.household_id)
    return f" · {family.head}, {show_card(family.card)}"


def _fields(visit: Visit, options: Sequence[Option]) -> list[tuple[str, str]]:
    needed = {each.field for each in options if each.field}
    return [(name, visit.say(text)) for name, text in GIVEN.items() if name in needed]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _statement_side(visit: Visit, connection: Connection, one: Difference) -> list[tuple[str, Any]]:
    """What the operator says."""
    if one.theirs is None:
        return []
    side: list[tuple[str, Any]] = [(visit.say("Amount"), visit.say.show(one.theirs))]
    line = None
    if one.statement_id is not None and one.line is not None:
        from gateway.payments.reconciliation.explained import explained

        found = explained(connection, one.statement_id, one.line, False, 1)
        line = found[1][0] if found is not None and found[1] else None
    if line is None:
        return [*side, *_filled((visit.say("Operator's number"), one.operator_id))]
    return [
        *side,
        (visit.say("When"), moment(visit, line.at, one.organisation_id)),
        *_filled(
            (visit.say("What"), visit.say(MOVED[line.kind])),
            (visit.say("Fee"), visit.say.show(Money(line.fee, one.currency)) if line.fee else None),
            (visit.say("Operator's number"), line.operator_id),
            (visit.say("From whom"), visit.number(line.payer) if line.payer else None),
            (visit.say("Reference"), line.reference),
            (visit.say("In the operator's words"), mask_text(line.said) if line.said else None),
            (visit.say("Matched"), visit.say(HOWS[line.how]) if line.how else None),
            (visit.say("Row of the file"), str(line.line)),
        ),
    ]


def _books_side(visit: Visit, connection: Connection, one: Difference) -> list[tuple[str, Any]]:
    """What we have of it."""
    side: list[tuple[str, Any]] = []
    if one.ours is not None:
        side.append((visit.say("Amount"), visit.say.show(one.ours)))
    payment = collections.by_id(connection, one.collection_id) if one.collection_id is not None else None
    if payment is not None:
        family = household_with(connection, visit.tree, payment.household_id) if payment.household_id else None
        return [
            *side,
            *_filled(
                (visit.say("When"), moment(visit, payment.paid_at or payment.created_at, one.organisation_id)),
                (visit.say("Payment"), receipt_number(payment.id)),
                (visit.say("Counts for"), f"{family.head}, {show_card(family.card)}" if family is not None else None),
                (visit.say("From whom"), visit.number(payment.payer)),
                (visit.say("Operator's number"), payment.operator_id),
            ),
        ]
    came = connection.execute(select(incoming).where(incoming.c.id == one.incoming_id)).first()
    if came is not None:
        where = {"suspense": visit.say("waits to be identified"), "posted": visit.say("identified")}
        return [
            *(side or [(visit.say("Amount"), visit.say.show(Money(came.amount_minor, came.currency)))]),
            *_filled(
                (visit.say("When"), moment(visit, came.paid_at, one.organisation_id)),
                (visit.say("Stands"), where.get(came.state, visit.say("given or taken back"))),
                (visit.say("From whom"), visit.number(came.payer) if came.payer else None),
                (visit.say("Reference"), came.reference),
            ),
        ]
    back = connection.execute(select(refund).where(refund.c.id == one.refund_id)).first()
    if back is not None:
        from gateway.kernel.numbers import with_check_digit

        return [*side, (visit.say("Refund"), with_check_digit(back.id)), (visit.say("Asked for by"), back.asked_by)]
    return side


def _filled(*pairs: tuple[str, str | None]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in pairs if value]


# --- settling ---------------------------------------------------------------------------------------------------------


@AREA.post("/reconciliation/differences/<difference>", Right.RECONCILE)
def settle_it(visit: Visit, row: Any) -> Answer:
    """Settle one, and go on with the next that is open."""
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import Asked, Given, settle

    word, _, named = visit.sent.get("choice").partition(":")
    chosen = choice_of(row.kind, word)
    if chosen is None:
        raise Refused(visit.say("Choose what it is."), "choice")
    given = Given(**_given(visit, chosen, named))
    reason = _reason(visit, word)

    def act(unit: Unit) -> Done:
        one = _known(unit.connection, row.id)
        done = settle(unit, visit.tree, visit.parts.services.chart, one.number, word, visit.who.name, reason, given)
        if isinstance(done, NotSettled):
            raise Refused(_why_not(visit, done, _known(unit.connection, row.id)), _field_of(done, chosen))
        after = {"choice": word, "reason": reason, "entry": None if isinstance(done, Asked) else done.entry_key}
        note = (
            visit.say("Another person has to approve it.")
            if isinstance(done, Asked)
            else visit.say("Settled: {choice}.", choice=visit.say(CHOSEN[word]))
        )
        return Done(_onward(visit, unit.connection, row.id), note, after=after)

    return visit.do("difference.settled", act, about=f"difference:{row.id}", place=row.organisation_id)


def _onward(visit: Visit, connection: Connection, its_id: int) -> str:
    """The next open one of those that are worked on, or the list where there is none left."""
    which = _filter(visit, connection)
    after = next_open(connection, its_id, which.ids, which.kind, its_id)
    if after is None:
        return f"/reconciliation/differences/{its_id}{which.query()}"
    return f"/reconciliation/differences/{after}{which.query(was=its_id)}"


def _given(visit: Visit, chosen: Choice, named: str) -> dict[str, Any]:
    """What a choice names: chosen with it, or typed into the field that belongs to it."""
    name = chosen.needs or (chosen.may if named or (chosen.may and visit.sent.get(chosen.may)) else None)
    if name is None:
        return {}
    if name == "until":
        return {"until": visit.day("until")}
    typed = named or visit.text(name, most=40)
    if name == "card":
        try:
            return {"card": read_card(typed)}
        except BadCard:
            raise Refused(visit.say("A card has nine digits: look at it again."), "card") from None
    return {name: typed}


def _reason(visit: Visit, word: str) -> str:
    own = visit.text("own", most=REASON_CHARACTERS, needed=False)
    if own:
        return own
    if word in OWN_WORDS:
        raise Refused(visit.say("Say in your own words why: somebody will ask one day."), "own")
    return visit.choice("why", [visit.say(each) for each in (*REASONS, *UNDO_REASONS)])


def _field_of(refused: NotSettled, chosen: Choice) -> str:
    return chosen.needs or "" if refused.why in ("card", "receipt", "needs", "number") else ""


def _why_not(visit: Visit, refused: NotSettled, one: Difference) -> str:
    """Why it wasn't settled; where somebody else was quicker, who, and what they did."""
    if refused.why in ("settled", "pending") and one.state != "open":
        at = moment(visit, one.settled_at, one.organisation_id) if one.settled_at is not None else ""
        name, choice = one.settled_by or one.asked_by or "", visit.say(CHOSEN.get(one.choice or "", ""))
        reason = one.reason or ""
        if refused.why == "pending":
            return visit.say(
                "{name} has asked for this already: {choice} ({reason}).",
                name=one.asked_by,
                choice=choice,
                reason=reason,
            )
        if one.choice is None:
            return visit.say("It has explained itself meanwhile: nothing is left to settle.")
        return visit.say(
            "{name} has settled it already ({at}): {choice} ({reason}).", name=name, at=at, choice=choice, reason=reason
        )
    return visit.say(NOT_SETTLED[refused.why])


# --- two people, and back ---------------------------------------------------------------------------------------------


@AREA.post("/reconciliation/differences/<difference>/approve", Right.RECONCILE, shown_by=difference_page)
def approve_it(visit: Visit, row: Any) -> Answer:
    """Agree, as another person, with what somebody asked."""
    from gateway.payments.reconciliation.differences.settling import approve

    def do(unit: Unit, one: Difference) -> Settled | NotSettled:
        return approve(unit, visit.tree, visit.parts.services.chart, one.number, visit.who.name)

    return _decided(visit, row, "difference.approved", do, visit.say("Approved: it is done."))


@AREA.post("/reconciliation/differences/<difference>/refuse", Right.RECONCILE, shown_by=difference_page)
def refuse_it(visit: Visit, row: Any) -> Answer:
    """What somebody asked isn't done: refused by another, or dropped by themselves."""
    from gateway.payments.reconciliation.differences.settling import drop

    reason = visit.text("own", most=REASON_CHARACTERS)

    def do(unit: Unit, one: Difference) -> NotSettled | None:
        return drop(unit, one.number, visit.who.name, reason)

    return _decided(visit, row, "difference.refused", do, visit.say("It stands as it stood before."), reason)


@AREA.post("/reconciliation/differences/<difference>/undo", Right.RECONCILE, shown_by=difference_page)
def undo_it(visit: Visit, row: Any) -> Answer:
    """Undo how it was settled: it is open again."""
    from gateway.payments.reconciliation.differences.settling import undo

    reason = _reason(visit, "")

    def do(unit: Unit, one: Difference) -> Settled | Asked | NotSettled:
        return undo(unit, visit.tree, visit.parts.services.chart, one.number, visit.who.name, reason)

    return _decided(visit, row, "difference.undone", do, visit.say("Undone: it is open again."), reason)


def _decided(
    visit: Visit, row: Any, what: str, do: Callable[[Unit, Difference], Any], note: str, reason: str = ""
) -> Go:
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import Asked

    def act(unit: Unit) -> Done:
        before = _known(unit.connection, row.id)
        done = do(unit, before)
        if isinstance(done, NotSettled):
            raise Refused(_why_not(visit, done, _known(unit.connection, row.id)))
        told = visit.say("Another person has to approve it.") if isinstance(done, Asked) else note
        which = _filter(visit, unit.connection)
        return Done(
            f"/reconciliation/differences/{row.id}{which.query()}",
            told,
            before={"state": before.state, "choice": before.choice},
            after={"reason": reason, "entry": getattr(done, "entry_key", None)},
        )

    return visit.do(what, act, about=f"difference:{row.id}", place=row.organisation_id)
