"""Every table of the gateway, on one page; ``migrations/`` brings a database here and a test compares the two.

Rules that hold throughout: money is a 64-bit count of minor units; moments are UTC; a ``key`` column is unique and is
what makes an effect happen once; rows of the ledger and the stories of collections are never changed or deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from gateway.store.types import Instant, RowId

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, **options: object) -> Column[int]:
    return Column(name, RowId, ForeignKey(f"{target}.id"), **options)  # type: ignore[arg-type]


# --- network: the tree of organisations; a column left NULL is inherited from the parent -----------------------------

organisation = Table(
    "organisation",
    metadata,
    _id(),
    _ref("parent_id", "organisation", index=True),
    Column("path", String(200), nullable=False, unique=True),  # "/1/4/17/": the ids from the root down to this one
    Column("kind", String(12), nullable=False),
    Column("code", String(40), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("district", String(60)),
    Column("country", String(2)),
    Column("currency", String(3)),
    Column("time_zone", String(40)),
    Column("languages", String(40)),  # "fr,en": what is offered, the first by default
    Column("merchant_code", String(20)),  # where members pay by reference
    Column("quiet_from", SmallInteger),  # the hours of the day between which nobody is written to who didn't ask
    Column("quiet_until", SmallInteger),
    Column("keeps_books", Boolean, nullable=False, server_default=text("false")),
    Column("contact_name", String(60)),  # of the directory, each organisation's own: whom others ask for, and where
    Column("contact_msisdn", String(16)),
    Column("address", String(120)),
    CheckConstraint("kind in ('platform', 'promoter', 'union', 'mutuelle', 'section')", name="kind"),
    CheckConstraint("quiet_from between 0 and 23 and quiet_until between 0 and 23", name="quiet_hours"),
)

# Where an organisation stood before it moved below another, with all that is below it; rows are only ever added.
organisation_move = Table(
    "organisation_move",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("from_parent_id", "organisation"),  # NULL: it stood at the top
    _ref("to_parent_id", "organisation", nullable=False),
    Column("from_path", String(200), nullable=False),
    Column("to_path", String(200), nullable=False),
    Column("since", Date, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("by_name", String(60), nullable=False),
)

service_code = Table(
    "service_code",
    metadata,
    Column("code", String(40), primary_key=True),  # as the aggregator writes it: *384*229#
    _ref("organisation_id", "organisation", nullable=False),
    Column("septets", SmallInteger),  # NULL: the setting USSD_SEPTETS
)

staff = Table(
    "staff",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("role", String(16), nullable=False),
    Column("msisdn", String(16), nullable=False, index=True),
    Column("language", String(2)),
    _ref("facility_id", "facility"),  # where an agent works
    Column("ended_on", Date),  # the row stays: what its holder did names it
    Column("told", String(4)),  # of payments: each (NULL), all of an hour, or all of a day
    Column("told_until", Instant),  # what was posted by then is told
    UniqueConstraint("organisation_id", "msisdn", "role"),
    CheckConstraint("role in ('treasurer', 'animator', 'agent', 'adviser', 'administrator')", name="role"),
    CheckConstraint("told in ('hour', 'day')", name="told"),
)

# Health facilities (FOSA) and the organisation that has an agreement with each; every member of the network may go.
facility = Table(
    "facility",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("code", String(40), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("ownership", String(8), nullable=False),
    Column("district", String(60), nullable=False, index=True),
    Column("msisdn", String(16)),
    Column("agreed_on", Date, nullable=False),
    Column("agreed_until", Date),
    CheckConstraint("kind in ('hospital', 'centre', 'clinic', 'pharmacy')", name="kind"),
    CheckConstraint("ownership in ('public', 'private', 'faith')", name="ownership"),
)

# What was agreed with a facility, each time: from when, until when, on which terms; rows are only ever added, and the
# facility's own days say what counts now.
facility_agreement = Table(
    "facility_agreement",
    metadata,
    _id(),
    _ref("facility_id", "facility", nullable=False, index=True),
    _ref("organisation_id", "organisation", nullable=False),
    Column("kind", String(8), nullable=False),
    Column("begins_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("terms", Text),
    Column("tariff", String(80)),  # which list of prices counts
    Column("covers", String(400)),
    Column("by_name", String(60)),  # NULL: written before this was kept
    Column("at", Instant, nullable=False),
    CheckConstraint("kind in ('agreed', 'renewed', 'ended')", name="kind"),
)


# --- membership -----------------------------------------------------------------------------------------------------

plan = Table(
    "plan",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("code", String(20), nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("name", String(40), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("opens_on", Date, nullable=False),  # the version that a new membership takes is the latest open one
    Column("registration_fee_minor", BigInteger, nullable=False),
    Column("household_minor", BigInteger, nullable=False),
    Column("beneficiary_minor", BigInteger, nullable=False),
    Column("instalments", SmallInteger, nullable=False),
    Column("waiting_days", SmallInteger, nullable=False),
    Column("grace_days", SmallInteger, nullable=False),
    Column("activation_percent", SmallInteger, nullable=False),
    Column("minimum_payment_minor", BigInteger, nullable=False),
    Column("year_starts_month", SmallInteger),  # NULL: twelve months from the day of registration
    Column("lapsed_waiting_days", SmallInteger),  # of who comes back too late; NULL: as a newcomer
    Column("window_opens_month", SmallInteger),  # newcomers enrol from this day of each year on; NULL: at any time
    Column("window_opens_day", SmallInteger),
    Column("window_days", SmallInteger),
    Column("included_people", SmallInteger, nullable=False, server_default=text("0")),  # in the household's amount
    Column("charged_people_max", SmallInteger),  # nobody beyond them is charged; NULL: everybody is
    Column("people_max", SmallInteger),  # on one card; NULL: as many as any card takes
    Column("pro_rata", Boolean, nullable=False, server_default=text("false")),
    Column("penalty_percent", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("organisation_id", "code", "version"),
    CheckConstraint("instalments between 1 and 12", name="instalments"),
    CheckConstraint("activation_percent between 1 and 100", name="activation"),
    CheckConstraint("penalty_percent between 0 and 100", name="penalty"),
    CheckConstraint(
        "(window_opens_month is null) = (window_opens_day is null)"
        " and (window_opens_month is null) = (window_days is null)",
        name="window",
    ),
)

# Who pays what members of a category needn't: the State, a project, a diocese.
subsidiser = Table(
    "subsidiser",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("code", String(40), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
)

# What households are put into by what they can pay; those of the nearest organisation above count, as with plans.
category = Table(
    "category",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("code", String(20), nullable=False),
    Column("name", String(40), nullable=False),
    UniqueConstraint("organisation_id", "code"),
)

# What a category pays in a version of a plan, and who pays the rest; never changed: a new version has its own.
tariff = Table(
    "tariff",
    metadata,
    _id(),
    _ref("plan_id", "plan", nullable=False),
    _ref("category_id", "category", nullable=False),
    Column("registration_fee_minor", BigInteger),  # NULL, here and below: the plan's
    Column("household_minor", BigInteger),
    Column("beneficiary_minor", BigInteger),
    Column("subsidy_percent", SmallInteger, nullable=False),
    _ref("subsidiser_id", "subsidiser"),
    UniqueConstraint("plan_id", "category_id"),
    CheckConstraint("subsidy_percent between 0 and 100", name="subsidy"),
    CheckConstraint("subsidy_percent = 0 or subsidiser_id is not null", name="who_pays"),
)

household = Table(
    "household",
    metadata,
    _id(),
    Column("card", String(9), nullable=False, unique=True),
    _ref("section_id", "organisation", nullable=False),
    Column("language", String(2)),
    Column("registered_at", Instant, nullable=False, index=True),
    _ref("merged_into_id", "household"),  # the same family under another card: what it had is there now
    Index("ix_household_section_id_id", "section_id", "id"),
)

# A card that isn't given out any more and still leads to a household.
card_alias = Table(
    "card_alias",
    metadata,
    Column("card", String(9), primary_key=True),
    _ref("household_id", "household", nullable=False, index=True),
    Column("since", Instant, nullable=False),
)

# How the names of a household sound, word by word: whoever looks for one needn't spell it as it was written down.
name_key = Table(
    "name_key",
    metadata,
    Column("key", String(24), primary_key=True),
    _ref("household_id", "household", primary_key=True, index=True),
)

# A register of members from a file: read, looked at, taken in, and perhaps taken out again.
register_import = Table(
    "register_import",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("file_name", String(120), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("columns", JSON, nullable=False),  # which of the file's columns is what
    Column("state", String(8), nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("state in ('read', 'running', 'done', 'undoing', 'undone', 'dropped')", name="state"),
)

# A household of such a file as it was read, what is wrong with it, and which household it became.
register_import_row = Table(
    "register_import_row",
    metadata,
    _ref("import_id", "register_import", primary_key=True),
    Column("number", Integer, primary_key=True),  # of its first line in the file, as people count
    Column("content", JSON, nullable=False),
    Column("faults", JSON, nullable=False),
    Column("state", String(8), nullable=False),
    _ref("household_id", "household", index=True),
    CheckConstraint("state in ('good', 'wrong', 'known', 'taken', 'undone', 'kept')", name="state"),
)

# How many households of a section stood how on a day, counted once that day: what a chart of a year is drawn from.
cover_tally = Table(
    "cover_tally",
    metadata,
    _ref("section_id", "organisation", primary_key=True),
    Column("on", Date, primary_key=True),
    Column("state", String(10), primary_key=True),
    Column("households", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("counted_at", Instant, nullable=False),
)

# In which category a household is from a day on; rows are only ever added, and the newest of a day counts.
household_category = Table(
    "household_category",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False, index=True),
    _ref("category_id", "category"),  # NULL: in none any more
    Column("since", Date, nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("written_at", Instant, nullable=False),
)

# Households proposed for other categories: printed for a meeting, validated there, applied from a day on.
category_proposal = Table(
    "category_proposal",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("title", String(80), nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("made_by", String(60), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("met_on", Date),  # the meeting that validated it
    Column("witnesses", JSON),  # their names
    Column("validated_by", String(60)),  # whoever wrote down what the meeting decided
    Column("validated_at", Instant),
    Column("applies_on", Date),
    Column("applied_by", String(60)),
    Column("applied_at", Instant),
    CheckConstraint("applied_by <> validated_by", name="two_people"),
    CheckConstraint("state in ('proposed', 'printed', 'validated', 'applying', 'applied', 'withdrawn')", name="state"),
)

# A household of such a list; codes NULL: in no category.
category_proposal_row = Table(
    "category_proposal_row",
    metadata,
    _id(),
    _ref("proposal_id", "category_proposal", nullable=False),
    _ref("household_id", "household", nullable=False, index=True),
    _ref("section_id", "organisation", nullable=False),  # where it belonged when it was proposed
    Column("from_code", String(20)),
    Column("to_code", String(20)),
    Column("reason", String(200), nullable=False),
    Column("proposed_by", String(60), nullable=False),
    Column("decision", String(8)),
    Column("decided_code", String(20)),
    Column("state", String(8), nullable=False),
    Column("skipped_because", String(12)),
    UniqueConstraint("proposal_id", "household_id"),
    CheckConstraint("decision in ('accepted', 'changed', 'refused')", name="decision"),
    CheckConstraint("state in ('open', 'applied', 'kept', 'skipped')", name="state"),
)

# Who brought such a list from one state to the next, and when; rows are only ever added.
category_proposal_event = Table(
    "category_proposal_event",
    metadata,
    _id(),
    _ref("proposal_id", "category_proposal", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("from_state", String(10)),
    Column("to_state", String(10), nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("note", String(200)),
)

beneficiary = Table(
    "beneficiary",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("sex", String(1), nullable=False),
    Column("birth_year", SmallInteger, nullable=False),
    Column("relation", String(8), nullable=False),
    Column("joined_on", Date, nullable=False),
    Column("covered_from", Date),  # NULL: covered as the household is; else not before this day
    Column("left_on", Date),
    Column("left_because", String(10)),
    CheckConstraint("sex in ('F', 'M')", name="sex"),
    CheckConstraint("relation in ('head', 'spouse', 'child', 'parent', 'other')", name="relation"),
)

phone = Table(
    "phone",
    metadata,
    Column("msisdn", String(16), primary_key=True),
    _ref("household_id", "household", primary_key=True, index=True),
    Column("main", Boolean, nullable=False),  # receipts go to the household's main phones
)

# What a caller chose, member or not: the language comes before the registration.
caller = Table(
    "caller",
    metadata,
    Column("msisdn", String(16), primary_key=True),
    Column("language", String(2)),
    Column("stopped_at", Instant),  # wants no SMS but receipts and answers
)

# Who changed what about a household, and when: never changed or deleted by the program.
household_change = Table(
    "household_change",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False, index=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("msisdn", String(16)),  # the phone it was asked from; NULL: from the office
    _ref("staff_id", "staff"),  # whoever did it for the household
    _ref("beneficiary_id", "beneficiary"),
    Column("happened_on", Date),  # the birth, the death, the wedding
    Column("note", String(80)),
    Column("by_name", String(60)),  # whoever did it in the office, as they gave their name
)

# A PIN, kept as an argon2 hash, of a household ("h:12") or of staff ("s:" and the number).
pin = Table(
    "pin",
    metadata,
    Column("holder", String(24), primary_key=True),
    Column("hash", String(120), nullable=False),
    Column("first", Boolean, nullable=False),  # given by the office: its holder chooses another at the first use
    Column("set_at", Instant, nullable=False),
)

# Wrong guesses (of a PIN, of card numbers) and until when no further one is taken.
attempt = Table(
    "attempt",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("failures", SmallInteger, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("locked_until", Instant),
)

# What somebody asked the mutuelle by phone: a complaint (cahier de plaintes), or a call back.
request = Table(
    "request",
    metadata,
    _id(),
    Column("kind", String(10), nullable=False),
    Column("category", String(12), nullable=False),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("household_id", "household", index=True),
    Column("msisdn", String(16), nullable=False, index=True),
    Column("language", String(2), nullable=False),
    Column("text", String(400), nullable=False),
    Column("state", String(8), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("answered_by", String(60)),
    Column("answer", String(400)),
    CheckConstraint("kind in ('complaint', 'callback')", name="kind"),
    CheckConstraint("state in ('open', 'answered')", name="state"),
)

# A visit that a facility announced: the home mutuelle and its adviser see it.
visit = Table(
    "visit",
    metadata,
    _id(),
    _ref("facility_id", "facility", nullable=False, index=True),
    _ref("household_id", "household", nullable=False, index=True),
    _ref("beneficiary_id", "beneficiary", nullable=False),
    _ref("organisation_id", "organisation", nullable=False, index=True),  # the home mutuelle
    _ref("staff_id", "staff"),  # who announced it by phone
    _ref("api_key_id", "api_key"),  # which of the facility's own systems did
    Column("announced_at", Instant, nullable=False),
    Column("announced_on", Date, nullable=False),
    UniqueConstraint("facility_id", "beneficiary_id", "announced_on"),
    Index("ix_visit_announced_on", "announced_on"),
)

membership = Table(
    "membership",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False),
    _ref("plan_id", "plan", nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("waiting_days", SmallInteger, nullable=False),  # 0 for a renewal without a gap
    Column("beneficiaries", SmallInteger, nullable=False),  # the number that the dues were counted for
    Column("enrolled_at", Instant, nullable=False),
    Column("months", SmallInteger, nullable=False, server_default=text("12")),  # that the dues were counted for
    _ref("tariff_id", "tariff"),  # NULL: what the plan itself asks
    Column("left_on", Date),  # the household's last day, where it left before the year's end, or before its beginning
    Column("left_told_on", Date),
    Index("ix_membership_household_id", "household_id"),
    Index("uq_membership_household_id_starts_on", "household_id", "starts_on", unique=True,
          sqlite_where=text("left_on is null"), postgresql_where=text("left_on is null")),
    Index("ix_membership_starts_on", "starts_on"),
    CheckConstraint("(left_on is null) = (left_told_on is null)", name="left"),
    CheckConstraint("ends_on >= starts_on", name="dates"),
)  # fmt: skip

# A household's number on a paper card or in other software, as it was typed; ``key`` is its plain letters and digits.
# In one mutuelle a number is one household's.
old_number = Table(
    "old_number",
    metadata,
    Column("key", String(40), primary_key=True),
    _ref("organisation_id", "organisation", primary_key=True),
    _ref("household_id", "household", nullable=False, index=True),
    Column("written", String(40), nullable=False),
    Column("since", Instant, nullable=False),
)

# A household that was merged into another, and all that moved, so that it can be undone.
household_merge = Table(
    "household_merge",
    metadata,
    _id(),
    _ref("stays_id", "household", nullable=False, index=True),
    _ref("goes_id", "household", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("by_name", String(60)),
    Column("content", JSON, nullable=False),
    Column("undone_at", Instant),
    Column("undone_by", String(60)),
)

# What two households that are one family would have in common, as numbers made of it: who bears the same is compared.
duplicate_key = Table(
    "duplicate_key",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    _ref("household_id", "household", primary_key=True, index=True),
)

# Two households that look like one; ``organisation_id``: the lowest that both are below, whose people decide.
duplicate_pair = Table(
    "duplicate_pair",
    metadata,
    _id(),
    _ref("one_id", "household", nullable=False),
    _ref("other_id", "household", nullable=False, index=True),
    _ref("organisation_id", "organisation", nullable=False),
    Column("score", SmallInteger, nullable=False),  # of 100
    Column("reasons", JSON, nullable=False),
    Column("digest", String(32), nullable=False),  # of what was compared: asked again only once it has changed
    Column("state", String(9), nullable=False),
    Column("found_at", Instant, nullable=False),
    UniqueConstraint("one_id", "other_id"),
    Index("ix_duplicate_pair_list", "organisation_id", "state", "score", "id"),
    CheckConstraint("state in ('open', 'same', 'different', 'unsure')", name="state"),
    CheckConstraint("one_id < other_id", name="in_order"),
)

# What people decided about a pair, and undid: rows are only added.
duplicate_event = Table(
    "duplicate_event",
    metadata,
    _id(),
    _ref("pair_id", "duplicate_pair", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String(12), nullable=False),
    Column("by_name", String(60)),
)

# How far looking for such pairs has come below an organisation: whoever goes on begins behind ``after_id``.
duplicate_run = Table(
    "duplicate_run",
    metadata,
    _ref("organisation_id", "organisation", primary_key=True, autoincrement=False),
    Column("after_id", RowId, nullable=False),
    Column("until_id", RowId, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("households", BigInteger, nullable=False),
    Column("pairs", BigInteger, nullable=False),
)

# --- ledger ---------------------------------------------------------------------------------------------------------

account = Table(
    "account",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("role", String(12), nullable=False),
    Column("code", String(12), nullable=False),
    Column("currency", String(3), nullable=False),
    UniqueConstraint("organisation_id", "role", "currency"),
)

# An entry is sealed by its own row: its lines are written first, and the row is refused when they don't net to zero.
entry = Table(
    "entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", String(80), nullable=False, unique=True),
    _ref("organisation_id", "organisation", nullable=False),
    Column("journal", String(12), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("happened_on", Date, nullable=False),  # the day that counts for cover, where the mutuelle is
    Column("recorded_at", Instant, nullable=False),
    Column("reverses_id", Uuid, ForeignKey("entry.id")),
    Index("ix_entry_organisation_id_happened_on", "organisation_id", "happened_on"),
    Index(
        "ix_entry_reverses_id",
        "reverses_id",
        sqlite_where=text("reverses_id is not null"),
        postgresql_where=text("reverses_id is not null"),
    ),
    Index(  # the few entries that no payment made
        "ix_entry_beside",
        "organisation_id",
        "happened_on",
        sqlite_where=text("journal in ('bank', 'corrections')"),
        postgresql_where=text("journal in ('bank', 'corrections')"),
    ),
    CheckConstraint("journal in ('dues', 'collections', 'cash', 'bank', 'corrections')", name="journal"),
)

line = Table(
    "line",
    metadata,
    _id(),
    Column("entry_id", Uuid, ForeignKey("entry.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True),
    _ref("account_id", "account", nullable=False, index=True),
    _ref("household_id", "household"),
    _ref("membership_id", "membership"),  # with due_on: this line is a due of that membership
    Column("due_on", Date),
    Column("amount_minor", BigInteger, nullable=False),  # debit positive, credit negative
    CheckConstraint("amount_minor <> 0", name="not_zero"),
    Index("ix_line_household_id", "household_id"),
    # Whose due has exactly this amount, about this day?
    Index("ix_line_due", "account_id", "amount_minor", "due_on", sqlite_where=text("due_on is not null"),
          postgresql_where=text("due_on is not null")),
)  # fmt: skip

# A list of what a subsidiser owes, as it was sent; its lines are lines of the ledger, each on one invoice at most.
subsidy_invoice = Table(
    "subsidy_invoice",
    metadata,
    _id(),
    _ref("subsidiser_id", "subsidiser", nullable=False),
    Column("currency", String(3), nullable=False),
    Column("until", Date, nullable=False),
    Column("made_by", String(60), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("paid_on", Date),
    Column("paid_by", String(60)),  # whoever wrote down that it was
    CheckConstraint("(paid_on is null) = (paid_by is null)", name="paid"),
)

subsidy_invoice_line = Table(
    "subsidy_invoice_line",
    metadata,
    Column("line_id", RowId, ForeignKey("line.id"), primary_key=True, autoincrement=False),
    _ref("invoice_id", "subsidy_invoice", nullable=False, index=True),
)

# --- the books kept and closed --------------------------------------------------------------------------------------

# A month of an organisation's books that is closed: what comes later stands in the month that is open then.
period = Table(
    "period",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("month", Date, nullable=False),
    Column("closed_by", String(60), nullable=False),
    Column("closed_at", Instant, nullable=False),
    Column("totals", JSON, nullable=False),
    UniqueConstraint("organisation_id", "month"),
)

# A chain of digests over the entries, in the order in which they were sealed: a change behind the program's back shows.
seal = Table(
    "seal",
    metadata,
    _id(),
    Column("entry_id", Uuid, ForeignKey("entry.id"), nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
)

# --- payments -------------------------------------------------------------------------------------------------------

collection = Table(
    "collection",
    metadata,
    _id(),
    Column("key", String(36), nullable=False, unique=True),  # ours, made before anything is asked; the operator's too
    Column("effect_key", String(64), nullable=False, unique=True),
    _ref("organisation_id", "organisation", nullable=False),
    _ref("household_id", "household", index=True),  # whom it is for: one household, or those of a group
    _ref("group_id", "payer_group", index=True),
    Column("way", String(10), nullable=False),
    Column("provider", String(20), nullable=False),
    Column("environment", String(40)),  # the provider's own word for the payer's operator or country
    Column("payer", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(40)),
    Column("said", String(200)),  # the operator's own last word, kept as it came
    Column("created_at", Instant, nullable=False),
    Column("asked_at", Instant),
    Column("looks", SmallInteger, nullable=False, server_default=text("0")),
    Column("paid_minor", BigInteger),
    Column("paid_currency", String(3)),
    Column("paid_at", Instant),
    Column("operator_id", String(64)),
    Column("handle", String(200)),  # how the operator names the order, where it can't be asked by our key
    Column("token", String(200)),  # what the operator's notices about it must bear, where it said so
    Column("look_at", Instant),  # when it may be asked about next, where its operator's quota makes it wait
    Column("receipt_code", String(5)),  # drawn at random: with the receipt's number it shows that an SMS is genuine
    UniqueConstraint("provider", "operator_id"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("(household_id is null) <> (group_id is null)", name="for_whom"),
    Index("ix_collection_payer_created_at", "payer", "created_at"),
    # The office's list, the newest first; and what came to nothing or was taken back, among many that were paid.
    Index("ix_collection_organisation_id_created_at", "organisation_id", "created_at"),
    Index(
        "ix_collection_came_to_nothing",
        "organisation_id",
        "created_at",
        sqlite_where=text("state in ('refused', 'expired', 'reversed')"),
        postgresql_where=text("state in ('refused', 'expired', 'reversed')"),
    ),
    # Without the provider: an index that began with it would be taken for looking up operators' numbers too.
    Index(
        "ix_collection_handle",
        "handle",
        sqlite_where=text("handle is not null"),
        postgresql_where=text("handle is not null"),
    ),
    Index(
        "ix_collection_given_up",
        "created_at",
        sqlite_where=text("state = 'expired' and reason = 'no_answer'"),
        postgresql_where=text("state = 'expired' and reason = 'no_answer'"),
    ),
    CheckConstraint(
        "state in ('created', 'sending', 'pending', 'unclear', 'paid', 'refused', 'expired', 'reversed')", name="state"
    ),
    Index(
        "ix_collection_undecided",
        "state",
        "created_at",
        sqlite_where=text("state in ('created', 'sending', 'pending', 'unclear')"),
        postgresql_where=text("state in ('created', 'sending', 'pending', 'unclear')"),
    ),
)

collection_event = Table(
    "collection_event",
    metadata,
    _id(),
    _ref("collection_id", "collection", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("from_state", String(10)),
    Column("to_state", String(10), nullable=False),
    Column("reason", String(40)),
    Column("said", String(200)),
)

# How an operator has been answering: while it doesn't, nobody is sent to it (a circuit breaker).
operator_state = Table(
    "operator_state",
    metadata,
    Column("provider", String(20), primary_key=True),
    Column("environment", String(40), primary_key=True),
    Column("failures", SmallInteger, nullable=False),  # in a row
    Column("open_until", Instant),
    Column("said", String(200), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# When an operator may be asked what became of an order next: its quota, shared by all workers.
operator_pace = Table(
    "operator_pace",
    metadata,
    Column("provider", String(20), primary_key=True),
    Column("free_at", Instant, nullable=False),
)

# Money that came without our asking: seen in an operator's SMS or statement, once by the operator's own number.
incoming = Table(
    "incoming",
    metadata,
    _id(),
    Column("operator", String(30), nullable=False),
    Column("operator_id", String(64), nullable=False),
    _ref("organisation_id", "organisation", nullable=False, index=True),  # whose wallet it came to
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payer", String(16)),
    Column("reference", String(40)),  # as the payer typed it
    Column("paid_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    _ref("notice_id", "notice"),
    Column("state", String(10), nullable=False),
    _ref("collection_id", "collection", unique=True),
    UniqueConstraint("operator", "operator_id"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("state in ('suspense', 'posted', 'returned')", name="state"),
    Index("ix_incoming_suspense", "organisation_id", "id", sqlite_where=text("state = 'suspense'"),
          postgresql_where=text("state = 'suspense'")),
)  # fmt: skip

# A member says that they paid, by the operator's number; it covers nobody before the money is seen.
declaration = Table(
    "declaration",
    metadata,
    _id(),
    Column("operator_id", String(64), nullable=False, index=True),
    _ref("household_id", "household", nullable=False, index=True),
    Column("msisdn", String(16), nullable=False),
    Column("language", String(2), nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),
    UniqueConstraint("operator_id", "household_id"),
    CheckConstraint("state in ('open', 'confirmed', 'unfound')", name="state"),
)

# Something about money that a person must decide.
money_case = Table(
    "money_case",
    metadata,
    _id(),
    Column("key", String(80), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("collection_id", "collection", index=True),
    _ref("incoming_id", "incoming", index=True),
    Column("said", String(200), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", String(60)),
    Column("note", String(200)),
    Index("ix_money_case_open", "organisation_id", "id", sqlite_where=text("closed_at is null"),
          postgresql_where=text("closed_at is null")),
)  # fmt: skip

# Money given back, asked for by one person and approved by another.
refund = Table(
    "refund",
    metadata,
    _id(),
    Column("key", String(36), nullable=False, unique=True),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("collection_id", "collection", index=True),
    _ref("incoming_id", "incoming", index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("asked_by", String(60), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("approved_by", String(60)),
    Column("approved_at", Instant),
    Column("state", String(10), nullable=False),
    Column("said", String(200)),
    Column("provider", String(20)),  # who gives it back, where an operator does and nobody by hand
    Column("handle", String(200)),  # how the operator names the refund, where it can't be asked by our key
    Column("sent_at", Instant),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("approved_by <> asked_by", name="two_people"),
    CheckConstraint("state in ('asked', 'approved', 'sent', 'paid', 'refused', 'dropped')", name="state"),
)

# Whose money on suspense is, as one person proposes and another approves: large amounts take two.
assignment = Table(
    "assignment",
    metadata,
    _id(),
    _ref("incoming_id", "incoming", nullable=False, index=True),
    _ref("household_id", "household"),
    _ref("group_id", "payer_group"),
    Column("reason", String(200), nullable=False),
    Column("asked_by", String(60), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("decided_by", String(60)),
    Column("decided_at", Instant),
    Column("state", String(10), nullable=False),
    CheckConstraint("(household_id is null) <> (group_id is null)", name="for_whom"),
    CheckConstraint("decided_by <> asked_by or state = 'dropped'", name="two_people"),
    CheckConstraint("state in ('asked', 'done', 'refused', 'dropped')", name="state"),
)

# Somebody who pays for many households: a cooperative, an association, a relative abroad.
payer_group = Table(
    "payer_group",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("code", String(40), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("msisdn", String(16)),
    Column("rule", String(10), nullable=False),
    CheckConstraint("rule in ('due', 'equal', 'fixed')", name="rule"),
)

payer_group_member = Table(
    "payer_group_member",
    metadata,
    Column("group_id", RowId, ForeignKey("payer_group.id"), primary_key=True),
    Column("household_id", RowId, ForeignKey("household.id"), primary_key=True, index=True),
    Column("amount_minor", BigInteger),  # with the rule "fixed"
)

# What a group has paid that isn't divided: above zero what came, below zero what was divided of it or taken back.
group_movement = Table(
    "group_movement",
    metadata,
    _id(),
    Column("key", String(80), nullable=False, unique=True),
    _ref("group_id", "payer_group", nullable=False, index=True),
    _ref("organisation_id", "organisation", nullable=False),  # in whose books it stands
    _ref("collection_id", "collection", nullable=False),
    Column("kind", String(8), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind in ('rest', 'cash', 'used', 'back')", name="kind"),
    CheckConstraint("amount_minor <> 0", name="not_zero"),
)

# A list of what a group kept back from its members (harvest time): its payment is divided exactly by it, once.
deduction = Table(
    "deduction",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("group_id", "payer_group", nullable=False, index=True),
    Column("label", String(80), nullable=False),
    Column("file_name", String(120), nullable=False),
    Column("digest", String(64), nullable=False),  # of the label and what is in the list, however it was saved
    Column("rows_digest", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("state", String(10), nullable=False, index=True),
    _ref("replaces_id", "deduction"),
    Column("by_name", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("asked_by", String(60)),  # whoever said that it is to be divided now
    Column("asked_at", Instant),
    Column("rest_to_group", Boolean, nullable=False, server_default=text("false")),
    Column("decided_by", String(60)),
    Column("decided_at", Instant),
    Column("reason", String(200)),
    CheckConstraint("decided_by <> asked_by or state = 'withdrawn'", name="two_people"),
    CheckConstraint("state in ('read', 'waiting', 'proposed', 'posted', 'withdrawn')", name="state"),
    Index("uq_deduction_used_once", "group_id", "digest", unique=True,
          sqlite_where=text("state <> 'withdrawn'"), postgresql_where=text("state <> 'withdrawn'")),
)  # fmt: skip

deduction_row = Table(
    "deduction_row",
    metadata,
    Column("deduction_id", RowId, ForeignKey("deduction.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # in the file, as people count
    Column("named", String(80), nullable=False),
    _ref("household_id", "household", index=True),
    Column("amount_minor", BigInteger),
    Column("faults", JSON, nullable=False),
)

# Money of which somebody said that it pays such a list: an operator's transaction, or (NULL) the group's own account;
# ``collection_id``: the payment that it became, once it is divided.
deduction_part = Table(
    "deduction_part",
    metadata,
    _id(),
    _ref("deduction_id", "deduction", nullable=False, index=True),
    _ref("incoming_id", "incoming", unique=True),
    _ref("collection_id", "collection"),
    Column("amount_minor", BigInteger, nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("amount_minor > 0", name="amount"),
)

# Cash that an animator took, on its way to the treasurer: two people, two phones.
handover = Table(
    "handover",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("staff_id", "staff", nullable=False, index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("state", String(10), nullable=False),
    Column("made_at", Instant, nullable=False),
    _ref("decided_by", "staff"),
    Column("decided_at", Instant),
    CheckConstraint("state in ('open', 'confirmed', 'disputed')", name="state"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("decided_by <> staff_id", name="two_people"),
)

# Who took the cash of a collection, and the handover that it went to the treasurer with.
cash_taking = Table(
    "cash_taking",
    metadata,
    Column("collection_id", RowId, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
    _ref("staff_id", "staff", nullable=False, index=True),
    _ref("handover_id", "handover", index=True),
)

# A day of a mutuelle's books that its treasurer has closed, with the totals that were shown.
closing = Table(
    "closing",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("day", Date, nullable=False),
    _ref("staff_id", "staff", nullable=False),
    Column("closed_at", Instant, nullable=False),
    Column("totals", JSON, nullable=False),
    UniqueConstraint("organisation_id", "day"),
)

# Everything that an operator or an aggregator sent us, as it came, before anything is done with it.
notice = Table(
    "notice",
    metadata,
    _id(),
    Column("source", String(30), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("content_type", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", String(32)),  # of the body: a notice that comes twenty times is kept once, and counted
    Column("times", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("source", "reference", "digest"),
)

# --- statements of operators and banks, and what differs --------------------------------------------------------------

# An account with an operator or a bank, of which statements come; ``organisation_id`` is whose it is.
wallet = Table(
    "wallet",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("operator", String(20), nullable=False),  # its word; a bank has a word of its own too
    Column("currency", String(3), nullable=False),
    Column("role", String(12), nullable=False),  # the account of the books on which it stands
    Column("account", String(40)),  # how its statements name it: a short code, a number, an IBAN
    Column("delay_hours", SmallInteger, nullable=False),  # after so long a payment must stand in its statement
    UniqueConstraint("organisation_id", "operator", "currency"),
    CheckConstraint("role in ('wallet', 'bank')", name="role"),
)

# A statement that was read, whole; its lines are in its parts.
statement = Table(
    "statement",
    metadata,
    _id(),
    _ref("wallet_id", "wallet", nullable=False),
    Column("file_name", String(120), nullable=False),
    Column("digest", String(64), nullable=False),  # of the file: the same one twice is known
    Column("format", String(40), nullable=False),
    Column("imported_by", String(60), nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("lines", Integer, nullable=False),  # those that no earlier statement had
    Column("repeated", Integer, nullable=False),  # those that one had
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("opening_minor", BigInteger),  # the operator's own balances, where it tells them
    Column("closing_minor", BigInteger),
    Column("reconciled_at", Instant),
    UniqueConstraint("wallet_id", "digest"),
    Index("ix_statement_wallet_id_until_at", "wallet_id", "until_at"),
)

# Lines of a statement as columns (Arrow), some hundred thousand a row, and what each was matched with.
statement_part = Table(
    "statement_part",
    metadata,
    Column("statement_id", RowId, ForeignKey("statement.id"), primary_key=True, autoincrement=False),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("matches", LargeBinary),
    Column("left", Integer, nullable=False),  # lines that nothing has been matched with yet
)

# How somebody's files are to be read: which column is what.
statement_profile = Table(
    "statement_profile",
    metadata,
    _id(),
    Column("name", String(40), nullable=False, unique=True),
    Column("mapping", JSON, nullable=False),
    Column("saved_by", String(60), nullable=False),
    Column("saved_at", Instant, nullable=False),
)

# A statement's file that somebody handed in, read and shown before it is taken in; the file itself is thrown away then.
statement_upload = Table(
    "statement_upload",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    _ref("wallet_id", "wallet"),  # NULL until somebody, or the file, says whose it is
    Column("file_name", String(120), nullable=False),
    Column("size", Integer, nullable=False),  # in bytes
    Column("content", LargeBinary),
    Column("hints", JSON, nullable=False),  # how it is to be read: a profile, the order of dates, the days it is of
    Column("state", String(8), nullable=False),
    Column("found", JSON, nullable=False),  # what it says, why it can't be read, or what came of it
    Column("done", Integer, nullable=False, server_default=text("0")),  # lines read or matched by now
    _ref("statement_id", "statement"),
    Column("by_name", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("state in ('new', 'read', 'wrong', 'asked', 'taken', 'dropped')", name="state"),
    Index("ix_statement_upload_open", "organisation_id", "id", sqlite_where=text("finished_at is null"),
          postgresql_where=text("finished_at is null")),
)  # fmt: skip

# Where a statement and the books don't agree; nothing here is ever deleted, and its story says who settled it how.
difference = Table(
    "difference",
    metadata,
    _id(),
    Column("key", String(120), nullable=False, unique=True),
    _ref("wallet_id", "wallet", nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    _ref("statement_id", "statement", index=True),
    Column("line", Integer),  # of the statement, as people count rows
    Column("operator_id", String(64)),
    _ref("collection_id", "collection", index=True),
    _ref("incoming_id", "incoming", index=True),
    _ref("refund_id", "refund"),
    Column("theirs_minor", BigInteger),
    Column("ours_minor", BigInteger),
    Column("at", Instant, nullable=False),  # when the money moved
    Column("said", String(200), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("state", String(8), nullable=False),
    Column("choice", String(16)),
    Column("card", String(9)),  # whose it is, where the choice is to assign it
    Column("reason", String(200)),
    Column("asked_by", String(60)),
    Column("settled_by", String(60)),
    Column("settled_at", Instant),
    CheckConstraint(
        "kind in ('unknown', 'late', 'missing', 'amount', 'twice', 'reversed', 'fee', 'out', 'ambiguous')", name="kind"
    ),
    CheckConstraint("state in ('open', 'asked', 'settled')", name="state"),
    CheckConstraint("asked_by <> settled_by", name="two_people"),
    Index("ix_difference_open", "wallet_id", "id", sqlite_where=text("state <> 'settled'"),
          postgresql_where=text("state <> 'settled'")),
)  # fmt: skip

difference_event = Table(
    "difference_event",
    metadata,
    _id(),
    _ref("difference_id", "difference", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String(8), nullable=False),
    Column("choice", String(16)),
    Column("by_name", String(60), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("entry_key", String(80)),  # the entry that it made, where it made one
    CheckConstraint(
        "what in ('found', 'asked', 'refused', 'dropped', 'settled', 'undone', 'gone', 'again')", name="what"
    ),
)

# A day or a month of a wallet that somebody has signed: opening + in - out - fees = closing, by the operator and by us.
wallet_close = Table(
    "wallet_close",
    metadata,
    _id(),
    _ref("wallet_id", "wallet", nullable=False),
    Column("span", String(5), nullable=False),
    Column("first_on", Date, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("despite", String(200)),  # why it was signed although something was open
    Column("signed_by", String(60), nullable=False),
    Column("signed_at", Instant, nullable=False),
    UniqueConstraint("wallet_id", "span", "first_on"),
    CheckConstraint("span in ('day', 'month')", name="span"),
)

# --- sms ------------------------------------------------------------------------------------------------------------

# A text of ours that a mutuelle says in its own words, in one language: the newest version counts.
sms_template = Table(
    "sms_template",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("event", String(20), nullable=False),
    Column("language", String(2), nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("text", Text),  # NULL: ours again
    Column("written_at", Instant, nullable=False),
    Column("by_name", String(60), nullable=False),
    UniqueConstraint("organisation_id", "event", "language", "version"),
)

# Who is reminded by itself, so many days from the day on which something is due (before it: below zero).
reminder_rule = Table(
    "reminder_rule",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("plan_code", String(20)),  # NULL: whatever the plan
    Column("days", SmallInteger, nullable=False),
    Column("texts", JSON, nullable=False),  # by language; what isn't there is said in the words of the event
    Column("since", Date, nullable=False),
    Column("ended_on", Date),
    Column("by_name", String(60), nullable=False),
    CheckConstraint("days between -60 and 180", name="days"),
)

# A text to many: who gets it, what it may cost, and how far it has come. Amounts are ten-thousandths of the currency.
campaign = Table(
    "campaign",
    metadata,
    _id(),
    Column("key", String(80), nullable=False, unique=True),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("title", String(60), nullable=False),
    Column("who", JSON, nullable=False),
    Column("texts", JSON, nullable=False),  # by language
    Column("state", String(9), nullable=False),
    Column("reason", String(40)),  # why it is paused
    Column("currency", String(3), nullable=False),
    Column("budget_e4", BigInteger),
    Column("committed_e4", BigInteger, nullable=False, server_default=text("0")),  # spent, or may have been
    Column("expected", JSON),  # what its preview said when it was started
    Column("starts_at", Instant),
    _ref("rule_id", "reminder_rule"),
    Column("due_on", Date),  # of a rule: the dues that it reminds of
    Column("cursor", BigInteger, nullable=False, server_default=text("0")),  # households up to this id are chosen
    Column("slices", Integer, nullable=False, server_default=text("0")),
    Column("chosen_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    CheckConstraint("kind in ('reminder', 'rule', 'news', 'list')", name="kind"),
    CheckConstraint("state in ('draft', 'scheduled', 'running', 'paused', 'done', 'cancelled')", name="state"),
    Index(
        "ix_campaign_open",
        "state",
        sqlite_where=text("state in ('scheduled', 'running', 'paused')"),
        postgresql_where=text("state in ('scheduled', 'running', 'paused')"),
    ),
)

# What was done about a campaign, and by whom: never changed or deleted by the program.
campaign_event = Table(
    "campaign_event",
    metadata,
    _id(),
    _ref("campaign_id", "campaign", nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String(12), nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("note", String(200)),
)

# Those who read a campaign's text before anybody else does.
sms_guest = Table(
    "sms_guest",
    metadata,
    _ref("organisation_id", "organisation", primary_key=True),
    Column("msisdn", String(16), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("language", String(2)),
)

# Who asked for the news of a part of the network, member or not.
news_reader = Table(
    "news_reader",
    metadata,
    Column("msisdn", String(16), primary_key=True),
    _ref("organisation_id", "organisation", primary_key=True, index=True),
    Column("since", Instant, nullable=False),
    Column("ended_at", Instant),
)

# A number to which nothing was delivered lately: how often in a row, and why last.
failing_number = Table(
    "failing_number",
    metadata,
    Column("msisdn", String(16), primary_key=True),
    Column("failures", SmallInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("reason", String(40), nullable=False),
)

# How an aggregator answers: until when it is left alone, and why.
aggregator_state = Table(
    "aggregator_state",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("failures", SmallInteger, nullable=False),
    Column("left_alone_until", Instant),
    Column("reason", String(40), nullable=False),
    Column("since", Instant, nullable=False),
    Column("told_at", Instant),  # when somebody was woken about it
)

message = Table(
    "message",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", String(80), nullable=False, unique=True),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("household_id", "household", index=True),
    Column("event", String(20), nullable=False),
    Column("msisdn", String(16), nullable=False, index=True),  # empty: of a household that has no phone
    Column("language", String(2), nullable=False),
    Column("text", Text, nullable=False),  # of a campaign's, empty until it is sent
    Column("parts", SmallInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(40)),
    Column("sends", SmallInteger, nullable=False, server_default=text("0")),
    Column("aggregator", String(20)),  # who took it, or may have
    Column("aggregator_id", String(64), index=True),
    Column("cost", String(20)),  # as the aggregator worded it
    Column("cost_e4", BigInteger),  # the same, in ten-thousandths of its currency
    Column("cost_currency", String(3)),
    Column("created_at", Instant, nullable=False),
    Column("handed_at", Instant),
    Column("report", String(30)),
    Column("reported_at", Instant),
    _ref("campaign_id", "campaign"),
    Column("slice", Integer),  # of its campaign: what one worker sends in one go
    CheckConstraint(
        "state in ('waiting', 'sending', 'sent', 'delivered', 'failed', 'uncertain', 'unknown', 'skipped')",
        name="state",
    ),
    Index(
        "ix_message_open",
        "state",
        sqlite_where=text("state in ('waiting', 'sending', 'uncertain')"),
        postgresql_where=text("state in ('waiting', 'sending', 'uncertain')"),
    ),
    Index(
        "ix_message_unreported",
        "handed_at",
        sqlite_where=text("state = 'sent'"),
        postgresql_where=text("state = 'sent'"),
    ),
    Index(  # what SMS cost in some days
        "ix_message_cost",
        "handed_at",
        sqlite_where=text("cost_e4 is not null"),
        postgresql_where=text("cost_e4 is not null"),
    ),
    Index(
        "ix_message_campaign",
        "campaign_id",
        "slice",
        "state",
        sqlite_where=text("campaign_id is not null"),
        postgresql_where=text("campaign_id is not null"),
    ),
)

# --- indicators: what they are measured against, what was counted, and who is told -----------------------------------

# How many people an organisation's area has that its members could be (*population cible*), from a day on; rows are
# only ever added, and the newest of a day counts.
target_population = Table(
    "target_population",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("since", Date, nullable=False),
    Column("people", Integer, nullable=False),
    Column("source", String(120), nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("written_at", Instant, nullable=False),
    CheckConstraint("people > 0", name="people"),
)

# What was counted of a period, by organisation: sums that add up, so that every tier above has its figures from them.
indicator_sum = Table(
    "indicator_sum",
    metadata,
    _ref("organisation_id", "organisation", primary_key=True),
    Column("period", String(7), primary_key=True),  # 2026, 2026Q3, 2026-11
    Column("sums", JSON, nullable=False),
    Column("counted_at", Instant, nullable=False),
)

# What an entry brought to a household, made of the books so that figures of a large network are counted quickly.
indicator_payment = Table(
    "indicator_payment",
    metadata,
    Column("household_id", RowId, primary_key=True, autoincrement=False),
    Column("entry_id", Uuid, primary_key=True, index=True),
    Column("happened_on", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("came_by", String(10), nullable=False),
    Column("minutes", Integer),  # from the payment until it counted, where that is measured
    Column("minor", BigInteger, nullable=False),
)

# Who gets five figures of an organisation by SMS, on which day of the month: a member of staff, or all of a role there.
figures_letter = Table(
    "figures_letter",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("staff_id", "staff"),
    Column("role", String(16)),
    Column("day", SmallInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(60)),
    CheckConstraint("(staff_id is null) <> (role is null)", name="reader"),
    CheckConstraint("day between 1 and 28", name="day"),
)

# --- privacy: what people agreed to, who looked at them, what they asked for, what was forgotten ----------------------

# Who was shown a household's record, once for each hour; forgotten after a time.
household_look = Table(
    "household_look",
    metadata,
    _ref("household_id", "household", primary_key=True, autoincrement=False),
    Column("doer", String(24), primary_key=True),  # "login:12", "key:3", or "command:" and a digest of the name
    Column("hour", Instant, primary_key=True, index=True),
    Column("by_name", String(60), nullable=False),
    Column("how", String(8), nullable=False),
    CheckConstraint("how in ('office', 'api', 'command')", name="how"),
)

# What a household is told and agrees to, in an organisation's own words; rows are only ever added.
consent_text = Table(
    "consent_text",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("language", String(2), nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("text", String(400), nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("written_at", Instant, nullable=False),
    UniqueConstraint("organisation_id", "language", "version"),
)

# What a household agreed to, or took back; rows are only ever added, and the newest counts.
consent = Table(
    "consent",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False, index=True),
    Column("given", Boolean, nullable=False),
    Column("way", String(8), nullable=False),
    _ref("text_id", "consent_text"),  # NULL: the text that Cotisa comes with
    Column("language", String(2), nullable=False),
    Column("on", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by_name", String(60)),  # NULL: the household itself, by its phone
    CheckConstraint("way in ('ussd', 'sms', 'paper', 'office', 'import', 'api')", name="way"),
)

# Somebody wants to know what is kept about their household.
data_request = Table(
    "data_request",
    metadata,
    _id(),
    _ref("household_id", "household", nullable=False, index=True),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("asked_by", String(80), nullable=False),
    Column("checked", String(120), nullable=False),  # how it was made sure who they are
    Column("asked_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("by_name", String(60), nullable=False),
    Column("answered_at", Instant),
    Column("answered_by", String(60)),
    CheckConstraint("(answered_at is null) = (answered_by is null)", name="answered"),
)

# How many years an organisation and those below it keep who has left; rows are only ever added, the newest counts.
keeping_time = Table(
    "keeping_time",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("years", SmallInteger, nullable=False),
    Column("source", String(120), nullable=False),  # the law or the decision that says so
    Column("by_name", String(60), nullable=False),
    Column("written_at", Instant, nullable=False),
    CheckConstraint("years between 1 and 30", name="years"),
)

# A household that is to be made nameless, or is: asked for by one person, done by another.
erasure = Table(
    "erasure",
    metadata,
    _ref("household_id", "household", primary_key=True, autoincrement=False),
    _ref("organisation_id", "organisation", nullable=False),
    Column("state", String(8), nullable=False),
    Column("asked_by", String(60), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("decided_by", String(60)),
    Column("done_at", Instant),
    Column("counts", JSON),  # how many rows of each table were changed
    CheckConstraint("state in ('asked', 'dropped', 'done')", name="state"),
    CheckConstraint("decided_by <> asked_by or state = 'dropped'", name="two_people"),
    Index("ix_erasure_organisation_id_state", "organisation_id", "state"),
)

# --- the office: who may enter, who is inside, what they did ----------------------------------------------------------

# Somebody who may enter the office's pages: what they may do there follows from their roles, by their number.
login = Table(
    "login",
    metadata,
    _id(),
    Column("msisdn", String(16), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("language", String(2)),
    Column("password", String(120)),  # an argon2 hash; NULL: none chosen yet
    Column("password_at", Instant),
    Column("totp_secret", String(200)),  # sealed with the installation's key
    Column("totp_on_at", Instant),  # NULL: not in use yet
    Column("totp_step", BigInteger),  # the last half minute whose code was taken: a code works once
    Column("created_at", Instant, nullable=False),
)

# A link that lets somebody choose a password, once; what is kept is a digest of it.
login_link = Table(
    "login_link",
    metadata,
    Column("digest", String(64), primary_key=True),
    _ref("login_id", "login", nullable=False, index=True),
    Column("made_by", String(60), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("used_at", Instant),
)

# Codes for whoever has lost their second factor: digests, each good once.
login_recovery = Table(
    "login_recovery",
    metadata,
    _ref("login_id", "login", primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("used_at", Instant),
)

passkey = Table(
    "passkey",
    metadata,
    _id(),
    _ref("login_id", "login", nullable=False, index=True),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("signs", BigInteger, nullable=False),  # the authenticator's own count
    Column("name", String(40), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("used_at", Instant),
)

# Somebody who is inside, on one device; the cookie holds what the digest was made of.
login_session = Table(
    "login_session",
    metadata,
    _id(),
    Column("digest", String(64), nullable=False, unique=True),
    _ref("login_id", "login", nullable=False, index=True),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("address", String(45), nullable=False),
    Column("agent", String(120), nullable=False),
    Column("ended_at", Instant),
)

# Who did what in the office, when, from where: never changed or deleted, and the database sees to it.
office_event = Table(
    "office_event",
    metadata,
    _id(),
    Column("at", Instant, nullable=False, index=True),
    _ref("login_id", "login", index=True),
    Column("by_name", String(60), nullable=False),
    _ref("organisation_id", "organisation", index=True),  # whose affair it is; NULL: the installation's
    Column("what", String(40), nullable=False),
    Column("about", String(80), nullable=False),
    Column("address", String(45), nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("ix_office_event_about", "about"),
)

# --- other systems: their keys, and what they asked for once ---------------------------------------------------------

# What another system proves itself with: of the key itself a digest is kept. It counts for its organisation and below.
api_key = Table(
    "api_key",
    metadata,
    _id(),
    Column("prefix", String(12), nullable=False, unique=True),  # how people tell keys apart; it opens nothing
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("facility_id", "facility"),  # a facility's own: it asks about any card of the network, and little else
    Column("scopes", JSON, nullable=False),
    Column("made_by", String(60), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", String(60)),
    Column("last_used_at", Instant),  # to the hour
)

# What a key asked for under a name of its own (Idempotency-Key), and what it was answered: a repeat gets the same.
api_answer = Table(
    "api_answer",
    metadata,
    _ref("api_key_id", "api_key", primary_key=True),
    Column("once", String(64), primary_key=True),  # a digest of the name
    Column("asked", String(64), nullable=False),  # a digest of what was asked
    Column("status", SmallInteger, nullable=False),
    Column("place", String(200)),  # where what was made is found
    Column("body", JSON, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

# --- what keeps effects single and jobs honest ------------------------------------------------------------------------

# An effect of the phone menu that was done, and what it answered: a repeated hop finds it here.
effect = Table(
    "effect",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", JSON, nullable=False),
)

# A call to the menu as it went, without anything of the person: the key is a digest of the session's id.
ussd_call = Table(
    "ussd_call",
    metadata,
    Column("key", String(32), primary_key=True),
    _ref("organisation_id", "organisation", nullable=False),
    Column("gateway", String(20), nullable=False),
    Column("language", String(2), nullable=False),
    Column("started_at", Instant, nullable=False, index=True),
    Column("seconds", SmallInteger, nullable=False),
    Column("hops", SmallInteger, nullable=False),
    Column("path", JSON, nullable=False),  # the names of the screens, in order
    Column("end", String(8), nullable=False),
    CheckConstraint("\"end\" in ('done', 'dropped', 'failed')", name="end"),
)

# What the aggregator says a call cost ("KES 0.10"); it may come before the call is counted, or never.
ussd_charge = Table(
    "ussd_charge",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("cost", String(20), nullable=False),
    Column("at", Instant, nullable=False),
)

# Work that a committed cause asked for. The row is the truth; the job queue only rings a bell.
outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("key", String(100), nullable=False, unique=True),
    Column("queue", String(12), nullable=False),
    Column("topic", String(30), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("rank", SmallInteger, nullable=False, server_default=text("1")),  # 0 goes before all else in its queue
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("claims", SmallInteger, nullable=False, server_default=text("0")),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),  # in a row
    Column("fault", String(200)),
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    CheckConstraint("queue in ('money', 'receipts', 'replies', 'reminders')", name="queue"),
    Index(
        "ix_outbox_open",
        "queue",
        "rank",
        "due_at",
        sqlite_where=text("done_at is null"),
        postgresql_where=text("done_at is null"),
    ),
)

# Who did a periodic job last, and for which period: two schedulers do it once.
lease = Table(
    "lease",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("period", BigInteger, nullable=False),
    Column("holder", String(80), nullable=False),
    Column("taken_at", Instant, nullable=False),
)

# --- a national DHIS2 -------------------------------------------------------------------------------------------------

# Which organisation unit (by its UID) an organisation is there.
dhis2_place = Table(
    "dhis2_place",
    metadata,
    _ref("organisation_id", "organisation", primary_key=True),
    Column("org_unit", String(11), nullable=False, unique=True),
)

# What is sent as which data element of which data set: a figure, or a part of it, of periods of so many months.
dhis2_element = Table(
    "dhis2_element",
    metadata,
    Column("data_element", String(11), primary_key=True),
    Column("category_option_combo", String(11), primary_key=True),  # empty: the default one
    Column("months", SmallInteger, primary_key=True),
    Column("data_set", String(11), nullable=False),
    Column("figure", String(40), nullable=False),  # households, recovery:XOF
    Column("part", String(11), nullable=False),
    CheckConstraint("months in (1, 3, 12)", name="months"),
    CheckConstraint("part in ('value', 'percent', 'numerator', 'denominator')", name="part"),
)

# What was sent, and what its server said of it; written before the call, with the answer behind it.
dhis2_sending = Table(
    "dhis2_sending",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("period", String(7), nullable=False),
    Column("data_set", String(11), nullable=False),
    Column("sent_values", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("imported", Integer),
    Column("updated", Integer),
    Column("ignored", Integer),
    Column("said", String(200)),
    CheckConstraint("state in ('sending', 'taken', 'partly', 'refused', 'unknown')", name="state"),
)

# --- webhooks: other systems that are told of what happens ------------------------------------------------------------

webhook = Table(
    "webhook",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),  # told of what happens here and below
    Column("url", String(300), nullable=False),
    Column("events", JSON, nullable=False),
    Column("secret", String(400), nullable=False),  # by which they check what they get: sealed with SECRET_KEY
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(60), nullable=False),
    Column("failed_at", Instant),  # the last try, where it came to nothing, and of which delivery
    Column("failed_key", String(60)),
    Column("disabled_at", Instant),
    Column("disabled_because", String(80)),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    _id(),
    Column("key", String(60), nullable=False, unique=True),  # the endpoint and the event
    _ref("webhook_id", "webhook", nullable=False, index=True),
    Column("event", String(30), nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("data", JSON, nullable=False),  # ids and card numbers, no names and no phones
    Column("created_at", Instant, nullable=False),
    Column("state", String(10), nullable=False, server_default=text("'open'")),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("said", String(80)),
    Column("tried_at", Instant),
    CheckConstraint("state in ('open', 'done', 'given up')", name="state"),
)

# How far each source of events was followed.
webhook_mark = Table(
    "webhook_mark",
    metadata,
    Column("source", String(20), primary_key=True),
    Column("behind_id", BigInteger, nullable=False),
)

# --- management software: members and payments, both ways -------------------------------------------------------------

# What was handed out, and whether it was taken there: the next goes on from the last that was.
software_exchange = Table(
    "software_exchange",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    Column("made_at", Instant, nullable=False),
    Column("digest", String(64), nullable=False),  # of the file of members
    Column("taken_at", Instant),
    Column("taken_by", String(60)),
)

# What both sides said of somebody when they last agreed, field by field.
software_agreed = Table(
    "software_agreed",
    metadata,
    _ref("beneficiary_id", "beneficiary", primary_key=True),
    Column("content", JSON, nullable=False),
    Column("version", String(16), nullable=False),  # of the row that was taken there
    Column("agreed_at", Instant, nullable=False),
)

# A field that was changed on both sides since: it waits for somebody who decides.
software_conflict = Table(
    "software_conflict",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False, index=True),
    _ref("household_id", "household", nullable=False, index=True),
    _ref("beneficiary_id", "beneficiary", nullable=False),
    Column("field", String(12), nullable=False),
    Column("agreed", String(80)),  # NULL: the two sides never agreed
    Column("ours", String(80), nullable=False),
    Column("theirs", String(80), nullable=False),
    Column("agreed_at", Instant),
    Column("seen_at", Instant, nullable=False),
    Column("state", String(6), nullable=False, server_default=text("'open'")),
    Column("settled_at", Instant),
    Column("settled_by", String(60)),
    CheckConstraint("state in ('open', 'ours', 'theirs', 'same')", name="state"),
    Index("uq_software_conflict_open", "beneficiary_id", "field", unique=True,
          sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
)  # fmt: skip

# A payment recorded there, by its key there: taken in once.
software_payment = Table(
    "software_payment",
    metadata,
    _id(),
    _ref("organisation_id", "organisation", nullable=False),
    Column("key", String(40), nullable=False),
    Column("content", String(120), nullable=False),  # its day, amount and card: it can't come as another
    _ref("incoming_id", "incoming", index=True),
    Column("taken_at", Instant, nullable=False),
    UniqueConstraint("organisation_id", "key"),
)
