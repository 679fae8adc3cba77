"""What a dump holds: every table is declared dumped, in the order in which it is taken in, or left out with the reason.

Row ids stay what they were, because keys of entries and payments name them: a dump goes into an empty gateway only.
"""

from __future__ import annotations

from sqlalchemy import Column, Table

from gateway.store.schema import metadata

# In this order no row refers to one that comes later; lines come before the entries that seal them.
DUMPED: tuple[str, ...] = (
    "organisation", "organisation_move", "facility", "facility_agreement", "staff", "plan", "subsidiser", "category",
    "tariff", "household", "card_alias", "old_number", "beneficiary", "phone", "caller", "membership",
    "household_category", "household_change", "household_merge", "category_proposal", "category_proposal_row",
    "category_proposal_event", "request", "visit", "cover_tally", "duplicate_pair", "duplicate_event",
    "account", "line", "entry", "seal", "period", "subsidy_invoice", "subsidy_invoice_line", "payer_group",
    "payer_group_member", "collection", "collection_event", "incoming", "software_payment", "declaration",
    "money_case", "refund", "assignment", "group_movement", "deduction", "deduction_row", "deduction_part", "handover",
    "cash_taking", "closing", "wallet", "sms_template", "sms_guest", "news_reader", "target_population",
    "consent_text", "consent", "data_request", "keeping_time", "erasure",
)  # fmt: skip

_SECRET = "it opens something: people choose anew where they go"
_OURS = "it belongs to this installation, not to a mutuelle"
_COMPUTED = "it is computed anew from what is dumped"
_STATEMENT = "operators and banks give their statements again; what was matched names rows of this installation"
_SOFTWARE = "what other software was told by this installation: the new one begins with a whole exchange"
_WRITES = "it would write to people by itself from the new place too: it is set up there anew"

LEFT_OUT: dict[str, str] = {
    "pin": _SECRET, "login": _SECRET, "login_link": _SECRET, "login_recovery": _SECRET, "passkey": _SECRET,
    "login_session": _SECRET, "api_key": _SECRET, "api_answer": _SECRET,
    "webhook": _SECRET, "webhook_mark": _OURS, "webhook_delivery": _OURS,
    "attempt": _OURS, "service_code": _OURS, "office_event": "who did what in this installation stays with it",
    "household_look": "who looked at a household in this installation stays with it",
    "effect": _OURS, "ussd_call": _OURS, "ussd_charge": _OURS, "outbox": _OURS, "lease": _OURS,
    "operator_state": _OURS, "operator_pace": _OURS, "aggregator_state": _OURS, "failing_number": _OURS,
    "statement_profile": _OURS, "notice": "what operators sent, as it came; what it led to is dumped",
    "software_exchange": _SOFTWARE, "software_agreed": _SOFTWARE, "software_conflict": _SOFTWARE,
    "dhis2_place": _OURS, "dhis2_element": _OURS, "dhis2_sending": _OURS,
    "name_key": _COMPUTED, "duplicate_key": _COMPUTED, "duplicate_run": _COMPUTED, "indicator_sum": _COMPUTED,
    "indicator_payment": _COMPUTED,
    "register_import": "files that were read; what was taken in is dumped",
    "register_import_row": "files that were read; what was taken in is dumped",
    "statement": _STATEMENT, "statement_part": _STATEMENT, "statement_upload": _STATEMENT, "difference": _STATEMENT,
    "difference_event": _STATEMENT, "wallet_close": _STATEMENT,
    "reminder_rule": _WRITES, "campaign": _WRITES, "campaign_event": _WRITES, "figures_letter": _WRITES,
    "message": "SMS that left are gone; what they told of is dumped",
}  # fmt: skip

# Columns of dumped tables that stay here.
COLUMNS_LEFT_OUT: dict[tuple[str, str], str] = {
    ("collection", "token"): _SECRET,
    ("collection", "handle"): _SECRET,
    ("refund", "handle"): _SECRET,
    ("organisation", "path"): "it is made anew from the parents",
}


def target_of(column: Column[object]) -> str | None:
    """The table that a column refers to."""
    return next((key.column.table.name for key in column.foreign_keys), None)


def columns_of(table: Table) -> list[Column[object]]:
    """The columns of a dumped table that stand in its file: none of a secret, none that leads to what is left out."""
    return [
        one
        for one in table.columns
        if (table.name, one.name) not in COLUMNS_LEFT_OUT and (target_of(one) or DUMPED[0]) in DUMPED
    ]


def table_of(name: str) -> Table:
    """A dumped table by its name."""
    return metadata.tables[name]


def file_of(name: str) -> str:
    """The name of a table's file in the zip."""
    return f"{name}.csv"
