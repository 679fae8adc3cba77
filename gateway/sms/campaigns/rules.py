"""Reminders by rule: so many days before, at or after each due date, whoever still owes it is written to, once.

A rule of an organisation holds for all mutuelles below it. For each number of days the nearest organisation that has
rules decides alone; of its rules one for a plan replaces there the one for all plans. Once a local day, when the quiet
hours of a mutuelle are over, each rule that holds there looks for what falls due on its day and makes a campaign of it.
A day that was missed is made up for within three days; none from before a rule began or after it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, or_, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault, Unavailable
from gateway.locale import mark
from gateway.network.organisations import Network, Organisation, Tree
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.keeping import BY_CHARACTERS, GATEWAY, Campaign, Draft
from gateway.sms.campaigns.preview import Preview, preview, price_of_part
from gateway.sms.campaigns.states import State
from gateway.sms.campaigns.who import Who
from gateway.sms.quiet import quiet_for
from gateway.sms.templates.checking import check, must_speak, setting_of
from gateway.sms.templates.events import EVENTS
from gateway.sms.templates.kept import words_in_all_languages
from gateway.store.effects import Outcome, effect_key, once_in
from gateway.store.schema import campaign, effect, plan, reminder_rule
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

EARLIEST_DAYS, LATEST_DAYS = -60, 180
MADE_UP_FOR_DAYS = 3
_OPEN = tuple(one.value for one in (State.SCHEDULED, State.RUNNING, State.PAUSED))


class BadRule(Fault):
    """A rule can't be kept so, or there is none to end."""


@dataclass(frozen=True)
class Rule:
    """``days`` after a due date (before it: below zero); ``plan_code`` None: whatever the plan.

    ``texts`` by language; where none is in a language, the mutuelle's own words of the event are said. It holds from
    ``since`` on, and writes to nobody any more from ``ended_on`` on.
    """

    id: int
    organisation_id: int
    plan_code: str | None
    days: int
    texts: Mapping[str, str]
    since: date
    ended_on: date | None
    by_name: str

    def held_on(self, day: date) -> bool:
        """Did it hold on a day? On the day on which it ended it may have written already: others leave that to it."""
        return self.since <= day and (self.ended_on is None or self.ended_on >= day)


def event_of(days: int) -> str:
    """The event whose words are said so many days after a due date."""
    return "reminder_before" if days < 0 else "reminder_due" if days == 0 else "reminder_after"


# --- keeping ----------------------------------------------------------------------------------------------------------


def add(
    unit: Unit, tree: Tree, place: Organisation, days: int, plan_code: str | None, texts: Mapping[str, str], by: str
) -> Rule:
    """Keep a rule; it holds from today on, or from tomorrow where another one may have written for today already.

    Raises :class:`Fault` for one that there is, an unknown plan, or a text that can't be used.
    """
    by_name = " ".join(by.split())
    if not 1 <= len(by_name) <= BY_CHARACTERS:
        raise BadRule("say who makes it: --by NAME")
    if not EARLIEST_DAYS <= days <= LATEST_DAYS:
        raise BadRule(
            mark("days are {earliest} (before) to {latest} (after the due date)"),
            earliest=EARLIEST_DAYS,
            latest=LATEST_DAYS,
        )
    must_speak(tree, place.id)
    if plan_code is not None and plan_code not in _plans_of(unit.connection, tree, place):
        raise BadRule(
            mark("no plan of {code} has the code {plan}: gateway plans list"), code=place.code, plan=plan_code
        )
    words = {
        language: check(EVENTS["campaign"], text, setting_of(tree, place.id, language)).text
        for language, text in texts.items()
    }
    take_turn(unit, "reminder rules")
    today = day_in(place.time_zone, unit.now)
    kept = [one for one in every_rule(unit.connection) if one.days == days]
    own = [one for one in kept if (one.organisation_id, one.plan_code) == (place.id, plan_code)]
    if any(one.ended_on is None for one in own):
        raise BadRule(mark("{code} has this rule already: gateway reminders list"), code=place.code)
    in_touch = {each.id for each in tree.by_id.values() if each.under(place) or place.under(each)}
    taken = any(one.organisation_id in in_touch and one.held_on(today) for one in kept)
    since = today + timedelta(days=1) if taken else today
    row = {
        "organisation_id": place.id,
        "plan_code": plan_code,
        "days": days,
        "texts": words,
        "since": since,
        "by_name": by_name,
    }
    its_id = unit.connection.execute(insert(reminder_rule).values(row).returning(reminder_rule.c.id)).scalar_one()
    return Rule(its_id, place.id, plan_code, days, words, since, None, by_name)


def end(unit: Unit, tree: Tree, rule_id: int, by: str) -> int:
    """End a rule, and cancel what it has begun; how many are not written to because of that. Raises BadRule."""
    by_name = " ".join(by.split())
    if not 1 <= len(by_name) <= BY_CHARACTERS:
        raise BadRule("say who ends it: --by NAME")
    one = _locked(unit, rule_id)
    if one is None or one.ended_on is not None:
        raise BadRule(mark("there is no rule {number} that holds: gateway reminders list"), number=rule_id)
    today = day_in(tree[one.organisation_id].time_zone, unit.now)
    unit.connection.execute(update(reminder_rule).where(reminder_rule.c.id == rule_id).values(ended_on=today))
    begun = select(campaign.c.id).where(campaign.c.rule_id == rule_id, campaign.c.state.in_(_OPEN))
    return sum(keeping.cancel(unit, its_id, by_name) for its_id in unit.connection.scalars(begun).all())


def by_id(connection: Connection, rule_id: int) -> Rule | None:
    """The rule with an id."""
    row = connection.execute(select(reminder_rule).where(reminder_rule.c.id == rule_id)).first()
    return _read(row) if row is not None else None


def every_rule(connection: Connection, since: date | None = None) -> list[Rule]:
    """All rules, the oldest first; with ``since``, without those that ended before that day."""
    query = select(reminder_rule).order_by(reminder_rule.c.id)
    if since is not None:
        query = query.where(or_(reminder_rule.c.ended_on.is_(None), reminder_rule.c.ended_on >= since))
    return [_read(row) for row in connection.execute(query)]


def _locked(unit: Unit, rule_id: int) -> Rule | None:
    query = select(reminder_rule).where(reminder_rule.c.id == rule_id).with_for_update()
    row = unit.connection.execute(query).first()
    return _read(row) if row is not None else None


def _read(row: object) -> Rule:
    names = ("id", "organisation_id", "plan_code", "days", "texts", "since", "ended_on", "by_name")
    return Rule(*(getattr(row, name) for name in names))


def _plans_of(connection: Connection, tree: Tree, place: Organisation) -> frozenset[str]:
    """The codes of the plans that may be sold at, above or below an organisation."""
    rows = connection.execute(select(plan.c.organisation_id, plan.c.code).distinct())
    return frozenset(
        row.code for row in rows if place.under(tree[row.organisation_id]) or tree[row.organisation_id].under(place)
    )


# --- which rule holds where -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Duty:
    """What a rule has to do for a mutuelle: remind of what falls due there on a day.

    ``plans``: of these only; of all where none is named. ``event``: in whose words, where it has none of its own.
    """

    rule: Rule
    place: Organisation
    due_on: date
    plans: tuple[str, ...]
    event: str

    @property
    def mark(self) -> str:
        """The key of its having been done."""
        return effect_key("reminder rule", str(self.rule.id), self.due_on.isoformat(), str(self.place.id))

    @property
    def draft(self) -> Draft:
        """Its campaign, without its texts."""
        who = Who(self.place.code, plans=self.plans, due_on=self.due_on)
        title = f"rule {self.rule.id}: due {self.due_on.isoformat()}"
        key = f"rule:{self.rule.id}:{self.due_on.isoformat()}:{self.place.id}"
        return Draft("rule", self.place.id, title, who, {}, GATEWAY, None, key, self.rule.id, self.due_on)


def mutuelles(tree: Tree) -> list[Organisation]:
    """Those that speak to households: each has its own clock, its own quiet hours and its own words."""
    found = {one.books_id for one in tree.sections}
    return sorted((tree[each] for each in found), key=lambda one: one.id)


def holding(
    tree: Tree, rules: Iterable[Rule], place: Organisation, on: date, codes: Iterable[str]
) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """The rules that hold for a mutuelle on a day, each with the plans that it is for; ``codes`` are all there are."""
    above = [one.id for one in tree.upward(place.id)]
    held = [one for one in rules if one.organisation_id in above and one.held_on(on)]
    for days in sorted({one.days for one in held}):
        alike = [one for one in held if one.days == days]
        nearest = min(above.index(one.organisation_id) for one in alike)
        decide = [one for one in alike if one.organisation_id == above[nearest]]
        own_rules = {one.plan_code for one in decide if one.plan_code is not None}
        others = tuple(sorted(set(codes) - own_rules))
        for one in decide:
            if one.plan_code is not None:
                yield one, (one.plan_code,)
            elif not own_rules:
                yield one, ()
            elif others:
                yield one, others


def duties(
    tree: Tree, rules: Sequence[Rule], place: Organisation, today: date, codes: Iterable[str], missed: int = 0
) -> Iterator[Duty]:
    """What rules have to do for a mutuelle on a day, and of so many days before it, which may have been missed.

    What is to be said before a due date isn't said any more after it.
    """
    for late in range(missed, -1, -1):
        day = today - timedelta(days=late)
        for rule, plans in holding(tree, rules, place, day, codes):
            due_on = day - timedelta(days=rule.days)
            if rule.ended_on is None and not (rule.days < 0 and due_on < today):
                yield Duty(rule, place, due_on, plans, event_of((today - due_on).days if late else rule.days))


# --- reminding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reminding:
    """What the scheduler does every few minutes; never raises. ``price`` of a part is the setting, in ``currency``."""

    store: Store
    network: Network
    price: Decimal
    currency: str

    def __call__(self) -> None:
        try:
            self.remind()
        except Unavailable as down:
            log.warning("nobody is reminded by rule: %s", down)
        except Exception:
            log.exception("nobody is reminded by rule: a defect")

    def remind(self) -> int:
        """Make and start a campaign for everything that is to be done now and hasn't been; how many that are.

        What goes wrong at one mutuelle keeps no other from its reminders: it is tried again next time.
        """
        now = self.store.clock.now()
        tree = self.network.tree()
        with self.store.read() as connection:
            rules = every_rule(connection, now.date() - timedelta(days=MADE_UP_FOR_DAYS + 1))
        if not rules:
            return 0
        made = 0
        for place in mutuelles(tree):
            if quiet_for(now, place):
                continue
            try:
                made += sum(self._do(tree, one, now) for one in self._undone(tree, rules, place, now))
            except Unavailable:
                raise
            except Exception:
                log.exception("%s: not reminded by rule", place.code)
        return made

    def _undone(self, tree: Tree, rules: Sequence[Rule], place: Organisation, now: datetime) -> list[Duty]:
        today = day_in(place.time_zone, now)
        with self.store.read() as connection:
            codes = _plans_of(connection, tree, place)
            found = list(duties(tree, rules, place, today, codes, MADE_UP_FOR_DAYS))
            done = set(connection.scalars(select(effect.c.key).where(effect.c.key.in_([one.mark for one in found]))))
        return [one for one in found if one.mark not in done]

    def _do(self, tree: Tree, duty: Duty, now: datetime) -> int:
        with self.store.read() as connection:
            texts, found = _looked_at(connection, tree, duty, now, self.price, self.currency)

        made: list[int] = []

        def make(unit: Unit) -> Outcome:
            rule = _locked(unit, duty.rule.id)
            if rule is None or rule.ended_on is not None or not found.letters:
                return {"campaign": None}
            its_id = keeping.create(unit, tree, replace(duty.draft, texts=texts))
            keeping.start(unit, its_id, GATEWAY, found.as_json())
            made.append(its_id)
            return {"campaign": its_id}

        with self.store.write() as unit:
            once_in(unit, duty.mark, "reminder rule", make)
        return len(made)


@dataclass(frozen=True)
class Due:
    """What a rule has to do, and whom that would write to; or the ``campaign`` that it has made."""

    duty: Duty
    found: Preview | None
    campaign: int | None = None


def due(
    connection: Connection,
    tree: Tree,
    on: date,
    under_path: str,
    price: Decimal,
    currency: str,
    for_s: float | None = None,
) -> Iterator[Due]:
    """What rules have to do on a day at the mutuelles below a path, as things stand now; nothing is written.

    ``for_s``: so many seconds are taken for each at most (:func:`~gateway.sms.campaigns.preview.preview`).
    """
    rules = every_rule(connection, on)
    for place in mutuelles(tree):
        if not place.path.startswith(under_path):
            continue
        noon = datetime.combine(on, time(12), ZoneInfo(place.time_zone))
        for duty in duties(tree, rules, place, on, _plans_of(connection, tree, place)):
            made = connection.scalar(select(campaign.c.id).where(campaign.c.key == duty.draft.key))
            if made is not None:
                yield Due(duty, None, made)
            else:
                yield Due(duty, _looked_at(connection, tree, duty, noon, price, currency, for_s)[1])


def _looked_at(
    connection: Connection,
    tree: Tree,
    duty: Duty,
    now: datetime,
    price: Decimal,
    currency: str,
    for_s: float | None = None,
) -> tuple[dict[str, str], Preview]:
    """The texts that are said, and whom they would be said to."""
    texts = {**words_in_all_languages(connection, tree, duty.place, duty.event), **duty.rule.texts}
    draft, place = duty.draft, duty.place
    as_if = Campaign(
        0, place.id, draft.kind, draft.title, draft.who, texts, State.DRAFT, None, place.currency, None, 0, {}, None,
        draft.rule_id, draft.due_on, 0, 0, None, now, GATEWAY, None, None,
    )  # fmt: skip
    part_e4 = price_of_part(connection, place.currency, price, currency)
    return texts, preview(connection, tree, as_if, now, part_e4, for_s)
