"""Campaigns in the database: made as drafts, started, paused, gone on with, cancelled; each act with who did it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, exists, insert, select, update

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.sms.campaigns.states import EDGES, State
from gateway.sms.campaigns.who import Who, read_who
from gateway.sms.costs import show_cost
from gateway.sms.gsm7 import fold
from gateway.sms.templates.events import EVENTS
from gateway.sms.templates.placeholders import braced, placeholders
from gateway.store.if_new import if_new
from gateway.store.outbox import CLAIM, Ask, put_again
from gateway.store.schema import campaign, campaign_event, message
from gateway.store.unit import Unit

# What is said of a campaign where its state forbids what is asked of it.
_IS = {
    State.DRAFT: mark("campaign {number} is draft"),
    State.SCHEDULED: mark("campaign {number} is scheduled"),
    State.RUNNING: mark("campaign {number} is running"),
    State.PAUSED: mark("campaign {number} is paused"),
    State.DONE: mark("campaign {number} is done"),
    State.CANCELLED: mark("campaign {number} is cancelled"),
}

QUEUE = "reminders"
CHOOSE, SEND = "campaign.choose", "campaign.send"
GATEWAY = "gateway"  # who did what nobody did by hand
TITLE_CHARACTERS = BY_CHARACTERS = 60
NOTE_CHARACTERS = 200
NO_PRICE = mark("a budget can't be kept without knowing what an SMS costs: set SMS_PRICE")

Kind = Literal["reminder", "rule", "news", "list"]


class BadCampaign(Fault):
    """A campaign can't be made so, or what is asked of it isn't possible in its state."""


@dataclass(frozen=True)
class Campaign:
    """A campaign as it is kept. ``texts`` by language; ``budget_e4`` and ``committed_e4`` in ten-thousandths.

    ``committed_e4`` is what was spent and what may have been: of messages that are on their way, or uncertain, what
    they are expected to cost. ``expected`` is what its preview said when it was started.
    """

    id: int
    organisation_id: int
    kind: Kind
    title: str
    who: Who
    texts: Mapping[str, str]
    state: State
    reason: str | None
    currency: str
    budget_e4: int | None
    committed_e4: int
    expected: Mapping[str, Any]
    starts_at: datetime | None
    rule_id: int | None
    due_on: date | None
    cursor: int
    slices: int
    chosen_at: datetime | None
    created_at: datetime
    by_name: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def price_e4(self) -> int:
        """What one part is expected to cost."""
        return int(self.expected.get("price_e4", 0))


@dataclass(frozen=True)
class Draft:
    """A campaign to be. ``key`` makes it single, where the same one may be asked for more than once."""

    kind: Kind
    organisation_id: int
    title: str
    who: Who
    texts: Mapping[str, str]
    by_name: str
    budget_e4: int | None = None
    key: str = ""
    rule_id: int | None = None
    due_on: date | None = None


_NEW = if_new(campaign, "key")


def create(unit: Unit, tree: Tree, draft: Draft) -> int:
    """Keep a draft; returns its id, also where its key is known. Raises :class:`BadCampaign`."""
    place = tree[draft.organisation_id]
    title, by_name = _checked(tree, draft)
    row = {
        "key": draft.key or f"campaign:{secrets.token_hex(8)}",
        "organisation_id": place.id,
        "kind": draft.kind,
        "title": title,
        "who": draft.who.as_json(),
        "texts": dict(draft.texts),
        "state": State.DRAFT.value,
        "currency": place.currency,
        "budget_e4": draft.budget_e4,
        "rule_id": draft.rule_id,
        "due_on": draft.due_on,
        "created_at": unit.now,
        "by_name": by_name,
    }
    if unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None:
        its_id = _id_of(unit.connection, row["key"])
        tell(unit, its_id, "made", by_name)
        return its_id
    return _id_of(unit.connection, row["key"])


def unsaved(tree: Tree, draft: Draft, now: datetime) -> Campaign:
    """A draft as it would be kept, for its preview. Raises :class:`BadCampaign` for one that can't be kept so."""
    title, by_name = _checked(tree, draft)
    return Campaign(
        0, draft.organisation_id, draft.kind, title, draft.who, draft.texts, State.DRAFT, None,
        tree[draft.organisation_id].currency, draft.budget_e4, 0, {}, None, draft.rule_id, draft.due_on, 0, 0, None,
        now, by_name, None, None,
    )  # fmt: skip


def rewrite(unit: Unit, tree: Tree, campaign_id: int, draft: Draft) -> None:
    """Change what a draft is to be, before anybody is written to; its kind and its organisation stay as they are.

    Of a list of numbers only title and budget are changed: the words of each stand there since it was made. Raises
    :class:`BadCampaign`, also for one that isn't a draft any more.
    """
    one = locked(unit, campaign_id)
    if one is None:
        raise BadCampaign(mark("there is no campaign {number}"), number=campaign_id)
    if one.state is not State.DRAFT or one.rule_id is not None:
        raise BadCampaign(_IS[one.state], number=campaign_id)
    if one.kind == "list":
        draft = replace(draft, texts=one.texts, who=one.who)
    title, by_name = _checked(tree, replace(draft, kind=one.kind, organisation_id=one.organisation_id))
    _set(
        unit,
        campaign_id,
        title=title,
        who=draft.who.as_json(),
        texts=dict(draft.texts),
        budget_e4=draft.budget_e4,
    )
    tell(unit, campaign_id, "changed", by_name)


def _checked(tree: Tree, draft: Draft) -> tuple[str, str]:
    """The title and the writer's name as they are kept; raises :class:`BadCampaign` for what can't be kept so."""
    place = tree[draft.organisation_id]
    title, by_name = " ".join(draft.title.split()), " ".join(draft.by_name.split())
    if not 1 <= len(title) <= TITLE_CHARACTERS:
        raise BadCampaign(mark("a title has 1 to {most} letters"), most=TITLE_CHARACTERS)
    if not 1 <= len(by_name) <= BY_CHARACTERS:
        raise BadCampaign("say who makes it: --by NAME")
    _check_texts(draft)
    if draft.budget_e4 is not None and draft.budget_e4 <= 0:
        raise BadCampaign(mark("a budget is more than nothing"))
    if not tree.named(draft.who.under).under(place):
        raise BadCampaign(mark("{below} isn't at or below {code}"), below=draft.who.under, code=place.code)
    return title, by_name


def _check_texts(draft: Draft) -> None:
    if not draft.texts or not all(fold(text).strip() for text in draft.texts.values()):
        raise BadCampaign(mark("a text is missing"))
    known = [one.name for one in EVENTS["news" if draft.kind == "news" else "campaign"].placeholders]
    for text in draft.texts.values():
        for name in placeholders(text) if draft.kind != "list" else ():
            if name not in known:
                raise BadCampaign(
                    mark("{name} is unknown: there are {known}"), name=braced([name]), known=braced(known)
                )


def _id_of(connection: Connection, key: object) -> int:
    return int(connection.execute(select(campaign.c.id).where(campaign.c.key == key)).scalar_one())


def tell(unit: Unit, campaign_id: int, what: str, by_name: str, note: str | None = None) -> None:
    """Write down what was done about a campaign. Raises :class:`BadCampaign` where nobody says that they did it."""
    by_name = " ".join(by_name.split())
    if not by_name:
        raise BadCampaign("say who does it: --by NAME")
    unit.connection.execute(
        insert(campaign_event).values(
            campaign_id=campaign_id, at=unit.now, what=what, by_name=by_name[:BY_CHARACTERS],
            note=note[:NOTE_CHARACTERS] if note else None,
        )
    )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def by_id(connection: Connection, campaign_id: int) -> Campaign | None:
    """The campaign with an id."""
    row = connection.execute(select(campaign).where(campaign.c.id == campaign_id)).first()
    return _read(row) if row is not None else None


def locked(unit: Unit, campaign_id: int) -> Campaign | None:
    """The same, kept from being changed by others until the transaction ends."""
    query = select(campaign).where(campaign.c.id == campaign_id).with_for_update()
    row = unit.connection.execute(query).first()
    return _read(row) if row is not None else None


def newest(
    connection: Connection,
    tree: Tree,
    under_path: str,
    limit: int,
    before: int | None = None,
    kinds: Sequence[Kind] = (),
) -> list[Campaign]:
    """The newest campaigns of the organisations at or below a path; those made before an id, and of some kinds."""
    places = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    query = select(campaign).where(campaign.c.organisation_id.in_(places)).order_by(campaign.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(campaign.c.id < before)
    if kinds:
        query = query.where(campaign.c.kind.in_(kinds))
    return [_read(row) for row in connection.execute(query)]


def _read(row: Any) -> Campaign:
    return Campaign(
        row.id, row.organisation_id, row.kind, row.title, read_who(row.who), row.texts, State(row.state), row.reason,
        row.currency, row.budget_e4, row.committed_e4, row.expected or {}, row.starts_at, row.rule_id, row.due_on,
        row.cursor, row.slices, row.chosen_at, row.created_at, row.by_name, row.started_at, row.finished_at,
    )  # fmt: skip


@dataclass(frozen=True)
class Event:
    """A line of a campaign's story."""

    at: datetime
    what: str
    by_name: str
    note: str | None


def story(connection: Connection, campaign_id: int) -> list[Event]:
    """What was done about a campaign, the oldest first."""
    own = campaign_event.c.campaign_id == campaign_id
    rows = connection.execute(select(campaign_event).where(own).order_by(campaign_event.c.id))
    return [Event(row.at, row.what, row.by_name, row.note) for row in rows]


# --- acting -----------------------------------------------------------------------------------------------------------


def start(
    unit: Unit, campaign_id: int, by_name: str, expected: Mapping[str, Any], at: datetime | None = None
) -> Campaign:
    """Start a draft, at once or at a moment. ``expected``: what its preview said, and ``price_e4``, of one part.

    With a budget, a price must be known. Raises :class:`BadCampaign`.
    """
    before = locked(unit, campaign_id)
    if before is not None and before.state is State.PAUSED:
        raise BadCampaign(mark("campaign {number} is paused: gateway campaign resume {number}"), number=campaign_id)
    if at is not None and at <= unit.now:
        at = None
    one = _moved(unit, campaign_id, State.SCHEDULED if at is not None else State.RUNNING)
    if one.budget_e4 is not None and not expected.get("price_e4"):
        raise BadCampaign(NO_PRICE)
    _set(unit, campaign_id, expected=dict(expected), starts_at=at, started_at=unit.now if at is None else None)
    tell(unit, campaign_id, "scheduled" if at else "started", by_name, f"for {at:%Y-%m-%d %H:%M} UTC" if at else None)
    _ring(unit, campaign_id, at - unit.now if at else timedelta(0))
    return one


def begin(unit: Unit, one: Campaign) -> None:
    """A scheduled campaign's time has come."""
    _moved(unit, one.id, State.RUNNING)
    _set(unit, one.id, started_at=unit.now)
    tell(unit, one.id, "started", GATEWAY)


def pause(unit: Unit, campaign_id: int, by_name: str, reason: str = "by hand") -> None:
    """Stop for now; what is being handed over this moment still goes. Raises :class:`BadCampaign`."""
    _moved(unit, campaign_id, State.PAUSED)
    _set(unit, campaign_id, reason=reason)
    tell(unit, campaign_id, "paused", by_name, reason)


def resume(unit: Unit, campaign_id: int, by_name: str, budget_e4: int | None = None) -> None:
    """Go on where it stopped; with another budget, where that was what stopped it. Raises :class:`BadCampaign`."""
    before = locked(unit, campaign_id)
    waits = before is not None and before.started_at is None and before.starts_at is not None
    one = _moved(unit, campaign_id, State.SCHEDULED if waits else State.RUNNING)
    budget = one.budget_e4 if budget_e4 is None else budget_e4
    if one.reason == "budget" and (budget is None or budget <= (one.budget_e4 or 0)):
        raise BadCampaign(mark("its budget is used up: give it a larger one"))
    if budget_e4 is not None and not one.price_e4:
        raise BadCampaign(NO_PRICE)
    _set(unit, campaign_id, reason=None, budget_e4=budget)
    note = f"budget {show_cost(budget, one.currency)}" if budget is not None and budget != one.budget_e4 else None
    tell(unit, campaign_id, "resumed", by_name, note)
    _ring(unit, campaign_id, max((one.starts_at or unit.now) - unit.now, timedelta(0)) if waits else timedelta(0))
    if waits:
        return
    in_hand = open_slices(unit.connection, campaign_id, "sending")
    for number in open_slices(unit.connection, campaign_id):
        # Whoever is still handing over what was taken before the pause isn't disturbed: it would be called uncertain.
        put_again(unit, slice_work(campaign_id, number, CLAIM if number in in_hand else timedelta(0)))


def cancel(unit: Unit, campaign_id: int, by_name: str) -> int:
    """End it: whoever hasn't been written to isn't any more. Returns how many that are. Raises BadCampaign."""
    _moved(unit, campaign_id, State.CANCELLED)
    _set(unit, campaign_id, finished_at=unit.now)
    waiting = (message.c.campaign_id == campaign_id) & (message.c.state == "waiting")
    ended = unit.connection.execute(update(message).where(waiting).values(state="skipped", reason="cancelled"))
    tell(unit, campaign_id, "cancelled", by_name, f"{ended.rowcount} not written to")
    return ended.rowcount


def finish(unit: Unit, one: Campaign) -> bool:
    """Call a running campaign done once everybody was chosen and nobody waits any more."""
    if one.state is not State.RUNNING or one.chosen_at is None:
        return False
    open_ones = (message.c.campaign_id == one.id) & message.c.state.in_(("waiting", "sending"))
    if unit.connection.scalar(select(exists(select(message.c.id).where(open_ones)))):
        return False
    _moved(unit, one.id, State.DONE)
    _set(unit, one.id, finished_at=unit.now)
    tell(unit, one.id, "done", GATEWAY)
    return True


def slice_work(campaign_id: int, number: int, after: timedelta = timedelta(0)) -> Ask:
    """The work of sending one slice of a campaign."""
    return Ask(QUEUE, SEND, f"{campaign_id}:{number}", f"campaign:{campaign_id}:{number}", after)


def open_slices(connection: Connection, campaign_id: int, *states: str) -> list[int]:
    """The slices of a campaign in which somebody still waits, or is in one of these states."""
    waiting = (message.c.campaign_id == campaign_id) & message.c.state.in_(states or ("waiting", "sending"))
    return [int(number) for number in connection.scalars(select(message.c.slice).where(waiting).distinct())]


def _ring(unit: Unit, campaign_id: int, after: timedelta) -> None:
    put_again(unit, Ask(QUEUE, CHOOSE, str(campaign_id), f"campaign:{campaign_id}", after))


def _moved(unit: Unit, campaign_id: int, to: State) -> Campaign:
    """The campaign as it was before, now in another state."""
    one = locked(unit, campaign_id)
    if one is None:
        raise BadCampaign(mark("there is no campaign {number}"), number=campaign_id)
    if to not in EDGES[one.state]:
        raise BadCampaign(_IS[one.state], number=campaign_id)
    _set(unit, campaign_id, state=to.value)
    return one


def _set(unit: Unit, campaign_id: int, **values: object) -> None:
    unit.connection.execute(update(campaign).where(campaign.c.id == campaign_id).values(**values))
