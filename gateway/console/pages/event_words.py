"""What was done in the office, in words: acts, the areas that they belong to, and what they changed."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.locale import mark

# The first word of an act, and what it is called where one looks for a kind of acts.
AREAS = {
    "account": mark("Own access"),
    "api": mark("Other systems"),
    "books": mark("Books"),
    "campaign": mark("Campaigns"),
    "cards": mark("Cards"),
    "case": mark("Cases"),
    "cash": mark("Cash"),
    "category": mark("Categories"),
    "categories": mark("Lists of categories"),
    "collection": mark("Payments"),
    "day": mark("Day's closing"),
    "difference": mark("Differences"),
    "entry": mark("Entering"),
    "events": mark("This journal"),
    "exchange": mark("Management software"),
    "facility": mark("Health facilities"),
    "group": mark("Groups"),
    "guest": mark("Test numbers"),
    "household": mark("Households"),
    "letter": mark("Monthly SMS"),
    "money": mark("Money to identify"),
    "network": mark("Organisations"),
    "plan": mark("Plans"),
    "population": mark("Target populations"),
    "privacy": mark("People's own data"),
    "profile": mark("Statement columns"),
    "refund": mark("Refunds"),
    "register": mark("Registers"),
    "request": mark("Complaints and calls back"),
    "rule": mark("Reminder rules"),
    "staff": mark("Staff"),
    "statement": mark("Statements"),
    "subsidiser": mark("Subsidisers"),
    "text": mark("Texts of SMS"),
    "visits": mark("Visits"),
    "wallet": mark("Wallets"),
    "webhook": mark("Webhooks"),
}
ACTS = {
    "data.dumped": mark("wrote all data into a file"),
    "data.loaded": mark("took in all data from a file"),
    "account.language_chosen": mark("chose a language"),
    "account.passkey_added": mark("added a passkey"),
    "account.passkey_removed": mark("removed a passkey"),
    "account.password_changed": mark("changed their password"),
    "account.recovery_renewed": mark("made new codes on paper"),
    "account.second_factor_off": mark("took away the second factor"),
    "account.second_factor_on": mark("set up a second factor"),
    "account.sessions_ended": mark("ended their other sessions"),
    "api.key_made": mark("made a key for another system"),
    "api.key_revoked": mark("revoked a key"),
    "books.month_closed": mark("closed a month of the books"),
    "campaign.cancelled": mark("cancelled a campaign"),
    "campaign.listed": mark("gave a campaign a list"),
    "campaign.made": mark("made a campaign"),
    "campaign.paused": mark("paused a campaign"),
    "campaign.resumed": mark("let a campaign go on"),
    "campaign.started": mark("started a campaign"),
    "campaign.tried": mark("tried a campaign"),
    "campaign.unmasked": mark("saw whole numbers of a campaign"),
    "cards.printed": mark("printed cards"),
    "case.closed": mark("closed a case"),
    "case.settled": mark("settled a case"),
    "cash.corrected": mark("corrected cash"),
    "cash.decided": mark("said whether handed-over cash came"),
    "cash.handed_over": mark("handed cash over"),
    "cash.recorded": mark("recorded cash"),
    "categories.added": mark("put households on a list of categories"),
    "categories.applied": mark("applied a list of categories"),
    "categories.printed": mark("printed a list of categories"),
    "categories.proposed": mark("proposed a list of categories"),
    "categories.removed": mark("took a household off a list of categories"),
    "categories.validated": mark("wrote down what a meeting decided on categories"),
    "categories.withdrawn": mark("withdrew a list of categories"),
    "category.added": mark("added a category"),
    "collection.asked": mark("asked a phone for a payment"),
    "collection.asked_anew": mark("asked for a payment anew"),
    "collection.looked": mark("had the operator asked again"),
    "day.closed": mark("closed a day"),
    "difference.settled": mark("settled a difference"),
    "entry.entered": mark("entered"),
    "entry.left": mark("left"),
    "entry.link_made": mark("made a link to enter"),
    "entry.password_by_link": mark("chose a password by a link"),
    "entry.sessions_ended": mark("ended somebody's sessions"),
    "entry.wrong_code": mark("typed a wrong code"),
    "entry.wrong_password": mark("typed a wrong password"),
    "entry.wrong_proof": mark("couldn't show who they are"),
    "events.exported": mark("kept the journal as a file"),
    "exchange.handed_out": mark("handed out members and payments to the management software"),
    "exchange.taken_in": mark("took in a file of the management software"),
    "exchange.settled": mark("chose between here and the management software"),
    "facility.added": mark("added a health facility"),
    "facility.agreed": mark("wrote down an agreement"),
    "facility.agreement_ended": mark("ended an agreement"),
    "facility.agreement_renewed": mark("renewed an agreement"),
    "facility.list_kept": mark("kept the list of facilities as a file"),
    "group.asked": mark("asked a group for a payment"),
    "group.cash_corrected": mark("corrected a group's cash"),
    "group.cash_recorded": mark("recorded a group's cash"),
    "group.deductions_accepted": mark("took in a list of what a group kept back"),
    "group.deductions_decided": mark("decided on dividing a group's list"),
    "group.deductions_divided": mark("had a group's payment divided by its list"),
    "group.deductions_payment": mark("said which money pays a group's list"),
    "group.deductions_read": mark("handed in a list of what a group kept back"),
    "group.deductions_withdrawn": mark("withdrew a list of what a group kept back"),
    "group.household_added": mark("put a household on a group's list"),
    "group.household_removed": mark("took a household off a group's list"),
    "group.list_replaced": mark("gave a group another list"),
    "group.statement_taken": mark("took a group's statement as a file"),
    "guest.added": mark("added a test number"),
    "guest.removed": mark("removed a test number"),
    "household.card_printed": mark("printed a card"),
    "household.category": mark("changed a household's category"),
    "household.corrected": mark("corrected a household"),
    "household.language": mark("changed a household's language"),
    "household.erased": mark("made a household nameless"),
    "household.erasure_asked": mark("asked that a household be made nameless"),
    "household.erasure_dropped": mark("let a household keep its names"),
    "household.left": mark("wrote down that a household left"),
    "household.merged": mark("merged households"),
    "household.moved": mark("moved a household"),
    "household.new_head": mark("gave a household another head"),
    "household.person_added": mark("added a person"),
    "household.person_removed": mark("removed a person"),
    "household.pair_decided": mark("said whether two households are one"),
    "household.phone_added": mark("added a phone"),
    "household.phone_main": mark("chose a main phone"),
    "household.phone_removed": mark("removed a phone"),
    "household.pin_removed": mark("removed a forgotten PIN"),
    "household.registered": mark("registered a household"),
    "household.renewed": mark("renewed a household"),
    "household.split": mark("split a household"),
    "household.unmerged": mark("undid a merge"),
    "household.unmasked": mark("saw whole numbers of a household"),
    "letter.ended": mark("ended the figures by SMS"),
    "letter.set": mark("chose who gets the figures by SMS"),
    "money.approved": mark("approved whose money is"),
    "money.identified": mark("said whose money is"),
    "money.identity_dropped": mark("dropped whose money was said to be"),
    "network.added": mark("added an organisation"),
    "network.changed": mark("changed an organisation"),
    "network.code_added": mark("let a short code lead somewhere"),
    "network.code_removed": mark("took a short code away"),
    "network.directory_kept": mark("kept the directory as a file"),
    "network.moved": mark("moved an organisation below another"),
    "plan.version_added": mark("added a version of a plan"),
    "population.set": mark("wrote down a target population"),
    "privacy.answered": mark("answered who asked for their data"),
    "privacy.asked": mark("wrote down that somebody asks for their data"),
    "privacy.consent": mark("wrote down what a household agreed to"),
    "privacy.exported": mark("took all that is kept about a household"),
    "privacy.text": mark("wrote what households are told"),
    "privacy.time": mark("wrote down how long households are kept"),
    "profile.saved": mark("kept a statement's columns"),
    "refund.approved": mark("approved a refund"),
    "refund.asked": mark("asked for a refund"),
    "refund.dropped": mark("dropped a refund"),
    "refund.paid": mark("gave a refund by hand"),
    "register.dropped": mark("dropped a register"),
    "register.exported": mark("kept a register as a file"),
    "register.read": mark("handed a register in"),
    "register.started": mark("took a register in"),
    "register.undone": mark("took a register out again"),
    "register.wrong_rows": mark("kept a register's wrong rows as a file"),
    "request.answered": mark("answered a complaint"),
    "request.called_back": mark("called somebody back"),
    "request.unmasked": mark("saw the whole number of a request"),
    "rule.added": mark("added a reminder rule"),
    "rule.ended": mark("ended a reminder rule"),
    "staff.added": mark("gave a role"),
    "staff.ended": mark("ended a role"),
    "staff.link_made": mark("made somebody a link to enter"),
    "staff.pin_made": mark("made somebody a first PIN"),
    "staff.sessions_ended": mark("ended somebody's sessions"),
    "staff.told": mark("changed how a treasurer is told"),
    "statement.dropped": mark("dropped a statement"),
    "statement.handed_in": mark("handed a statement in"),
    "statement.read_again": mark("had a statement read again"),
    "statement.taken_in": mark("took a statement in"),
    "subsidiser.added": mark("added a subsidiser"),
    "text.reset": mark("went back to Cotisa's text"),
    "text.written": mark("wrote a text"),
    "visits.announced": mark("announced a visit"),
    "visits.between_kept": mark("kept the visits between mutuelles as a file"),
    "visits.checked": mark("checked a card"),
    "visits.exported": mark("kept visits as a file"),
    "wallet.closed": mark("closed a wallet"),
    "wallet.matched": mark("matched a wallet"),
    "wallet.opened": mark("opened a wallet"),
    "webhook.added": mark("added an address that is told of what happens"),
    "webhook.disabled": mark("disabled an address that is told of what happens"),
    "webhook.rotated": mark("gave a new secret to an address that is told of what happens"),
    "webhook.tested": mark("sent a test to an address that is told of what happens"),
}
# What an act changed. What has no word here is shown by its own name.
FIELDS = {
    "activation_percent": mark("Share that begins the cover, in %"),
    "agreed_on": mark("First day of the agreement"),
    "agreed_until": mark("Last day of the agreement"),
    "amount": mark("Amount"),
    "answer": mark("Answer"),
    "category": mark("Category"),
    "code": mark("Code"),
    "district": mark("District"),
    "facility": mark("Facility"),
    "form": mark("Kind of file"),
    "grace_days": mark("Grace period in days"),
    "handed_over": mark("Cash handed over"),
    "head": mark("Head"),
    "instalments": mark("Instalments"),
    "keeps_books": mark("Own books"),
    "kind": mark("Kind"),
    "language": mark("Language"),
    "languages": mark("Languages"),
    "merchant_code": mark("Merchant code"),
    "minimum_payment": mark("Least payment"),
    "name": mark("Name"),
    "opens_on": mark("Opens on"),
    "ownership": mark("Whose it is"),
    "per_beneficiary": mark("Each person in a year"),
    "per_household": mark("A household in a year"),
    "quiet_hours": mark("Quiet hours"),
    "reason": mark("Why"),
    "receipt": mark("Receipt"),
    "registration_fee": mark("Registration fee"),
    "role": mark("Role"),
    "scopes": mark("It may"),
    "section": mark("Section"),
    "sessions": mark("Sessions"),
    "since": mark("From"),
    "state": mark("State"),
    "tariffs": mark("Tariffs"),
    "text": mark("Text"),
    "told": mark("Told of payments"),
    "until": mark("To"),
    "version": mark("Version"),
    "waiting_days": mark("Waiting period in days"),
    "without_second_factor": mark("Second factor taken away"),
}
# Where a thing is seen, and the right that the page asks for is its own to check.
THINGS = {
    "household": (mark("household"), "/households/{id}"),
    "collection": (mark("payment"), "/collections/{id}"),
    "refund": (mark("refund"), "/collections/refunds/{id}"),
    "incoming": (mark("money to identify"), "/collections/suspense/{id}"),
    "case": (mark("case"), "/collections/cases/{id}"),
    "group": (mark("group"), "/collections/groups/{id}"),
    "campaign": (mark("campaign"), "/reminders/campaigns/{id}"),
    "rule": (mark("reminder rule"), "/reminders/rules/{id}"),
    "wallet": (mark("wallet"), "/reconciliation/wallets/{id}"),
    "statement": (mark("statement"), "/reconciliation/statements/{id}"),
    "upload": (mark("statement"), "/reconciliation/uploads/{id}"),
    "difference": (mark("difference"), "/reconciliation/differences/{id}"),
    "import": (mark("register"), "/households/imports/{id}"),
    "organisation": (mark("organisation"), "/network/{id}"),
    "facility": (mark("health facility"), "/network/facilities/{id}"),
    "member": (mark("role"), "/staff/{id}"),
    "request": (mark("request"), "/care/requests/{id}"),
    "api_key": (mark("access key"), "/network/keys/{id}"),
    "webhook": (mark("address told of what happens"), "/network/webhooks/{id}"),
}
DECISIONS = {
    "assigned": mark("said whose money is, alone"),
    "assignment-asked": mark("said whose money is, to be approved"),
    "assignment-approved": mark("approved whose money is"),
    "assignment-refused": mark("refused whose money was said to be"),
    "assignment-dropped": mark("dropped whose money was said to be"),
    "refund-asked": mark("asked for a refund"),
    "refund-approved": mark("approved a refund"),
    "case-settled": mark("settled a case"),
    "case-closed": mark("closed a case"),
    "cash-corrected": mark("corrected cash"),
    "difference-settled": mark("settled a difference, alone"),
    "difference-undone": mark("undid how a difference was settled"),
    "difference-asked": mark("settled a difference, to be approved"),
    "difference-approved": mark("approved how a difference is settled"),
    "difference-refused": mark("refused how a difference was settled"),
    "difference-dropped": mark("dropped how a difference was settled"),
}
LONGEST_SHOWN = 300


def act(visit: Visit, what: str) -> str:
    """An act in words, or by its own name where it has none."""
    return visit.say(ACTS[what]) if what in ACTS else what


def thing(visit: Visit, about: str) -> tuple[str, str]:
    """What an act is about, and where it is seen: empty where nowhere."""
    kind, _, its_id = about.partition(":")
    if kind not in THINGS:
        return about.replace(":", " "), ""
    word, where = THINGS[kind]
    if not its_id.isdigit():
        return visit.say("{thing} {number}", thing=visit.say(word), number=its_id), ""
    return visit.say("{thing} {number}", thing=visit.say(word), number=its_id), where.format(id=its_id)


def changes(visit: Visit, before: Any, after: Any) -> list[tuple[str, str, str]]:
    """What an act changed: the name, how it was, how it is; side by side."""
    was = before if isinstance(before, dict) else {}
    now = after if isinstance(after, dict) else {}
    return [
        (
            _field(visit, key),
            _shown(visit, was[key]) if key in was else "",
            _shown(visit, now[key]) if key in now else "",
        )
        for key in [*was, *(key for key in now if key not in was)]
    ]


def _field(visit: Visit, key: str) -> str:
    return visit.say(FIELDS[key]) if key in FIELDS else key.replace("_", " ")


def _shown(visit: Visit, value: Any) -> str:
    """A value of an event as people read it."""
    say = visit.say
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, dict):
        if value.keys() == {"minor", "currency"}:
            return say.show(Money(value["minor"], value["currency"]))
        inner = (f"{_field(visit, key)}: {_shown(visit, each)}" for key, each in value.items())
        return "; ".join(inner)[:LONGEST_SHOWN]
    if isinstance(value, list):
        return ", ".join(_shown(visit, each) for each in value)[:LONGEST_SHOWN] or "—"
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return say.show(date.fromisoformat(text))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
