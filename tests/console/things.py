"""One of everything that a door's path may name, in the mutuelle of Ouaké: for walking every door."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Table, insert, select

from gateway.console.subjects import SUBJECTS
from gateway.store.schema import (
    api_key,
    beneficiary,
    campaign,
    category_proposal,
    collection,
    collection_event,
    deduction,
    difference,
    difference_event,
    duplicate_pair,
    handover,
    household,
    incoming,
    money_case,
    payer_group,
    payer_group_member,
    plan,
    refund,
    register_import,
    register_import_row,
    reminder_rule,
    request,
    software_conflict,
    staff,
    statement,
    statement_upload,
    visit,
    wallet,
    webhook,
)
from gateway.store.unit import Unit
from tests.console.office import Office
from tests.ussd.world import ANIMATOR, MEMBER

# What belongs to nobody: a name in the path that says when, in which language, or which of many.
PLAIN = {"month": "2026-11", "day": "2026-11-22", "word": "fr", "token": "no-such-token", "number": "1"}


def one_of_each(office: Office) -> Mapping[str, Any]:
    """What stands in the place of each name of a path: of everything one, which belongs to the mutuelle of Ouaké."""
    place = office.place
    card = place.household_with(MEMBER)
    animator = place.staff_with(ANIMATOR, "animator", "Idrissou Bio", pin=None)
    facility = place.facility(owner="Mutuelle Ouaké")
    tree = place.runtime.network.tree()
    mutuelle = tree.named("Mutuelle Ouaké").id
    with office.store.write() as unit:
        family = unit.connection.scalar(select(household.c.id).where(household.c.card == card))
        somebody = unit.connection.scalar(select(beneficiary.c.id).where(beneficiary.c.household_id == family))
        the_plan = unit.connection.scalar(select(plan.c.id).where(plan.c.organisation_id == tree.named("ouake").id))
        now = unit.now
        made = _Maker(unit)
        money = {"amount_minor": 500, "currency": "XOF"}
        the_collection = made(
            collection, key=str(uuid.uuid4()), effect_key="walk", organisation_id=mutuelle, household_id=family,
            way="push", provider="mtn_momo", environment="mtnbenin", payer=MEMBER, state="pending", created_at=now,
            asked_at=now, **money,
        )  # fmt: skip
        the_key = made(
            api_key, prefix="abcdefgh", digest="0" * 64, name="Registry", organisation_id=mutuelle,
            scopes=["cover:read"], made_by="Bariou Tchao", made_at=now, expires_at=now + timedelta(days=30),
        )  # fmt: skip
        address = made(
            webhook, organisation_id=mutuelle, url="https://registry.example/cotisa", events=["payment.posted"],
            secret="sealed elsewhere", made_at=now, made_by="Bariou Tchao",
        )  # fmt: skip
        made(collection_event, collection_id=the_collection, at=now, to_state="pending")
        seen = made(
            incoming, operator="mtn_benin", operator_id="700001", organisation_id=mutuelle, payer=MEMBER,
            paid_at=now, seen_at=now, state="suspense", **money,
        )  # fmt: skip
        case = made(
            money_case, key="walk", kind="unread-sms", organisation_id=mutuelle, said="an SMS that nobody can read",
            opened_at=now, incoming_id=seen,
        )  # fmt: skip
        the_refund = made(
            refund, key=str(uuid.uuid4()), organisation_id=mutuelle, incoming_id=seen, reason="a stranger's",
            asked_by="Idrissou Bio", asked_at=now, state="asked", **money,
        )  # fmt: skip
        group = made(payer_group, organisation_id=mutuelle, code="coton", name="Coopérative du coton", rule="due")
        unit.connection.execute(insert(payer_group_member).values(group_id=group, household_id=family))
        proposed = made(
            category_proposal, organisation_id=mutuelle, title="Awanla", state="proposed", made_by="Idrissou Bio",
            made_at=now,
        )  # fmt: skip
        kept_back = made(
            deduction, organisation_id=mutuelle, group_id=group, label="Coton", file_name="retenues.csv",
            digest="2" * 64, rows_digest="3" * 64, currency="XOF", total_minor=500, state="waiting",
            by_name="Idrissou Bio", at=now,
        )  # fmt: skip
        the_wallet = made(
            wallet, organisation_id=mutuelle, operator="mtn_benin", currency="XOF", role="wallet", delay_hours=24
        )
        the_statement = made(
            statement, wallet_id=the_wallet, file_name="november.csv", digest="0" * 64, format="generic",
            imported_by="Rafiou Gounou", imported_at=now, lines=1, repeated=0, from_at=now - timedelta(days=1),
            until_at=now, reconciled_at=now,
        )  # fmt: skip
        the_difference = made(
            difference, key="walk", wallet_id=the_wallet, kind="unknown", statement_id=the_statement, line=1,
            operator_id="700002", theirs_minor=500, at=now, said="700002", found_at=now, state="open",
        )  # fmt: skip
        handed_in = made(
            statement_upload, organisation_id=mutuelle, wallet_id=the_wallet, file_name="december.csv", size=9,
            content=b"date;a\n1;2\n", hints={}, state="wrong",
            found={"faults": [{"why": "the file is empty", "values": {}}]}, by_name="Rafiou Gounou", at=now,
        )  # fmt: skip
        made(
            difference_event, difference_id=the_difference, at=now, what="found", by_name="reconciliation", reason="new"
        )
        the_campaign = made(
            campaign, key="walk", organisation_id=mutuelle, kind="reminder", title="Fin d'année",
            who={"under": "Mutuelle Ouaké"}, texts={"fr": "Bonjour {name}"}, state="draft", currency="XOF",
            created_at=now, by_name="Idrissou Bio",
        )  # fmt: skip
        rule = made(
            reminder_rule, organisation_id=mutuelle, days=-7, texts={}, since=date(2026, 1, 1), by_name="Idrissou Bio"
        )
        asked = made(
            request, kind="complaint", category="other", organisation_id=mutuelle, household_id=family, msisdn=MEMBER,
            language="fr", text="Le centre a demandé de payer.", state="open", created_at=now,
        )  # fmt: skip
        announced = made(
            visit, facility_id=facility, household_id=family, beneficiary_id=somebody, organisation_id=mutuelle,
            staff_id=animator, announced_at=now, announced_on=now.date(),
        )  # fmt: skip
        handed = made(handover, organisation_id=mutuelle, staff_id=animator, state="open", made_at=now, **money)
        register = made(
            register_import, organisation_id=mutuelle, file_name="register.csv", digest="1" * 64, columns={},
            state="read", by_name="Idrissou Bio", at=now,
        )  # fmt: skip
        unit.connection.execute(
            insert(register_import_row).values(
                import_id=register, number=2, content={"people": []}, faults=[], state="wrong"
            )
        )
        neighbours = made(household, card="100000009", section_id=_section_of(unit, family), registered_at=now)
        made(beneficiary, household_id=neighbours, name="Adjara Tchedre", sex="F", birth_year=1991, relation="head",
             joined_on=now.date())  # fmt: skip
        pair = made(
            duplicate_pair, one_id=family, other_id=neighbours, organisation_id=_section_of(unit, family), score=80,
            reasons=[["same phone", {}]], digest="0" * 32, state="open", found_at=now,
        )  # fmt: skip
        clash = made(
            software_conflict, organisation_id=mutuelle, household_id=family, beneficiary_id=somebody, field="name",
            ours="Adjara Tchédré", theirs="Adjara Orou", seen_at=now,
        )  # fmt: skip
        member = unit.connection.scalar(select(staff.c.id).where(staff.c.msisdn == ANIMATOR))
    things = {
        **PLAIN,
        "household": family, "collection": the_collection, "incoming": seen, "case": case, "refund": the_refund,
        "handover": handed, "group": group, "wallet": the_wallet, "statement": the_statement, "upload": handed_in,
        "difference": the_difference, "campaign": the_campaign, "rule": rule, "request": asked, "visit": announced,
        "key": the_key, "webhook": address,
        "organisation": mutuelle, "member": member, "facility": facility, "plan": the_plan, "register": register,
        "pair": pair, "conflict": clash,
        "proposal": proposed, "deduction": kept_back,
    }  # fmt: skip
    assert things.keys() >= SUBJECTS.keys(), f"make one of each: {SUBJECTS.keys() - things.keys()}"
    return things


def _section_of(unit: Unit, household_id: int | None) -> int:
    return int(unit.connection.scalar(select(household.c.section_id).where(household.c.id == household_id)) or 0)


class _Maker:
    """Writes a row and gives its id."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def __call__(self, table: Table, **values: Any) -> int:
        row = self.unit.connection.execute(insert(table).values(values))
        return int(row.inserted_primary_key[0])  # type: ignore[index]
