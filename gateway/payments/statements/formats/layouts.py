"""The tables that operators and banks hand out: how their columns are headed, and what their words mean.

Where an operator publishes no list of columns the headings are those that people met or would expect; such a layout
says so in ``assumed``, and what it doesn't know is refused, for a profile to tell. Headings are compared without case,
accents, spaces and punctuation, and without the code of a currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.payments.statements.figures import Style
from gateway.payments.statements.hints import DateOrder
from gateway.payments.statements.lines import Kind
from gateway.payments.statements.profiles import Column

# A pattern in the words of a line (small letters), its kind, and whether such money comes or leaves where amounts
# bear no sign; 0 where it may do either. The first that is found counts.
Rule = tuple[str, Kind, Literal[-1, 0, 1]]

KIND_RULES: tuple[Rule, ...] = (
    (r"\brevers(al|als|ed|e)?\b|charge ?back|annulation|\bannul|contre ?passation|extourne|roll ?back", "reversal", -1),
    (
        r"\b(fees?|charges?|commissions?|frais|agios?|tariff?|tarif|levy|tax(es)?|taxe|tva|vat|tenue de compte)\b",
        "fee",
        -1,
    ),
    (
        r"\b(refund(s|ed)?|remboursements?|disbursements?|d[ée]caissements?|payouts?|b2c|business payment)\b",
        "refund",
        -1,
    ),
    (r"\b(top ?up|float|approvisionnement|recharge)\b", "sweep", 1),
    (
        r"\b(settlements?|sweep|withdrawals?|withdraw|withdrawn|retraits?|reversements?|liquidation|funds? transfers?"
        r"|bank transfers?|wallet to bank|to bank|vers (la )?banque|virements? (vers )?banque|business to business)\b",
        "sweep",
        -1,
    ),
    (
        r"\b(payments?|paiements?|pay ?bill|bill ?pay|pay utility|buy goods|merchant( ?pay)?|marchand"
        r"|deposits?|d[ée]p[ôo]ts?"
        r"|collections?|collecte|encaissements?|cotisations?|contributions?|versements?|c2b|request ?to ?pay"
        r"|received|re[çc]us?|cash ?in|customer transfer)\b",
        "payment",
        1,
    ),
)  # fmt: skip

# On a bank's account what comes is rarely a payer: a settlement of an operator, cash that a treasurer brought.
BANK_RULES: tuple[Rule, ...] = (
    KIND_RULES[0],
    (
        r"\b(fees?|charges?|commissions?|frais|agios?|tariff?|tarif|levy|tax(es)?|taxe|tva|vat|tenue de compte"
        r"|int[ée]r[êe]ts? d[ée]biteurs?)\b",
        "fee",
        -1,
    ),
    (r"\b(remboursements?|refund(s|ed)?)\b", "refund", -1),
    (r"\b(cotisations?|contributions?|membership)\b", "payment", 1),
    (
        r"\b(mtn|momo|orange money|airtel|m-?pesa|vodacom|pawapay|lumicash|ecocash|moov|flooz|wave|mobile money"
        r"|settlements?|sweep|reversements?|versements? (d'?)?esp[èe]ces|cash deposit|d[ée]p[ôo]t (d'?)?esp[èe]ces)\b",
        "sweep",
        0,
    ),
)

# Of these words of a status the first lot moved money, the second didn't. Any other word is asked about.
COMPLETED = frozenset(
    (
        "completed", "complete", "success", "successful", "succeeded", "succes", "reussi", "reussie", "effectue",
        "effectuee", "termine", "terminee", "confirmed", "confirme", "paid", "paye", "payee", "valide", "validee",
        "settled", "processed", "ts", "transaction success", "transaction successful",
    )
)  # fmt: skip
LEFT_OUT = frozenset(
    (
        "failed", "failure", "echoue", "echouee", "echec", "cancelled", "canceled", "annule", "annulee", "pending",
        "expired", "expire", "rejected", "rejete", "rejetee", "declined", "refused", "refuse", "initiated",
        "processing", "accepted", "enqueued", "created", "timeout", "timed out", "en attente", "en cours",
        "in progress", "in reconciliation", "transaction failed", "tf", "ta", "te", "tip",
    )
)  # fmt: skip
COMING = frozenset(("credit", "cr", "c", "in", "entrant", "entree", "received", "recu"))
LEAVING = frozenset(("debit", "dr", "d", "out", "sortant", "sortie", "sent", "envoye"))


@dataclass(frozen=True)
class Layout:
    """One table of one operator: its columns by the headings that they may have, the likeliest first.

    ``needs`` are the columns that a row of headings must have to be this table's. ``decimal``, ``date_order`` and
    ``time_zone`` are the format's own, where it has any.
    """

    name: str
    columns: Mapping[Column, tuple[str, ...]]
    needs: tuple[Column, ...] = ("at", "amount")
    rules: tuple[Rule, ...] = KIND_RULES
    completed: frozenset[str] = COMPLETED
    left_out: frozenset[str] = LEFT_OUT
    decimal: Style | None = None
    date_order: DateOrder | None = None
    time_zone: str | None = None
    assumed: bool = True
    newest_first: bool = False
    usual: Kind = "other"  # what a line is of which no word says more
    fees_share_numbers: bool = False  # a fee is a row of its own with the number of what it is the fee of
    words_refer: bool = False  # what a payer wrote may stand in the words for people, where no column is for it
    kinds: Mapping[str, Kind] = field(default_factory=dict)


_AT = (
    "date", "date time", "datetime", "transaction date", "transaction date time", "transaction time", "date heure",
    "date et heure", "date de transaction", "date transaction", "date operation", "date de l operation",
    "date d operation", "completion time", "completed on", "created at", "creation date", "posting date",
    "date comptable", "date de comptabilisation", "timestamp", "time", "value date", "date valeur", "date de valeur",
)  # fmt: skip
_STATUS = ("status", "statut", "etat", "transaction status", "statut transaction", "statut de la transaction", "result")
_KIND = (
    "type", "transaction type", "type de transaction", "type transaction", "type operation", "type d operation",
    "operation", "service", "service type", "service name", "nature", "reason type", "category",
)  # fmt: skip
_AMOUNT = (
    "amount", "montant", "transaction amount", "montant de la transaction", "montant transaction", "valeur", "value",
    "gross amount", "montant brut", "montant operation",
)  # fmt: skip
_CREDIT = (
    "credit",
    "paid in",
    "credit amount",
    "montant credit",
    "credits",
    "money in",
    "entree",
    "deposit",
    "crediteur",
)
_DEBIT = (
    "debit", "withdrawn", "paid out", "debit amount", "montant debit", "debits", "money out", "sortie", "withdrawal",
    "debiteur",
)  # fmt: skip
_FEE = (
    "fee",
    "fees",
    "frais",
    "commission",
    "charges",
    "charge",
    "transaction fee",
    "service charge",
    "frais de service",
)
_BALANCE = (
    "balance", "solde", "running balance", "new balance", "nouveau solde", "post balance", "balance after",
    "solde apres", "solde apres operation", "closing balance", "available balance", "solde disponible",
    "current balance",
)  # fmt: skip
_CURRENCY = ("currency", "devise", "monnaie", "ccy")
_OPERATOR_ID = (
    "transaction id", "id transaction", "id de transaction", "transaction number", "numero de transaction",
    "no transaction", "n transaction", "financial transaction id", "receipt no", "receipt", "receipt number", "txn id",
    "txnid", "trans id", "transid", "id", "reference transaction", "transaction reference", "reference number",
    "reference no", "ref no", "reference id", "bank reference", "reference banque",
)  # fmt: skip
_OUR_ID = (
    "external id", "externalid", "external transaction id", "external reference", "order id", "orderid",
    "merchant reference", "merchant transaction id", "third party transaction id", "client reference",
    "customer reference", "partner reference", "reference externe", "reference marchand", "id externe", "end to end id",
)  # fmt: skip
_REFERENCE = (
    "a c no", "account no", "account reference", "bill reference", "bill ref number", "reference", "ref",
    "payment reference", "reference paiement", "reference de paiement", "payer message", "message",
    "reference client", "numero de carte", "card number", "payee note",
)  # fmt: skip
_PAYER = (
    "from", "de", "payer", "payeur", "sender", "expediteur", "emetteur", "msisdn", "phone", "phone number",
    "mobile number", "numero de telephone", "telephone", "customer", "customer msisdn", "subscriber msisdn", "client",
    "sender msisdn", "payer msisdn", "numero client", "from account", "other party info", "donneur d ordre",
    "debit party",
)  # fmt: skip
_PAYEE = (
    "to", "a", "vers", "payee", "beneficiaire", "receiver", "recipient", "destinataire", "receiver msisdn",
    "payee msisdn", "to account", "credit party",
)  # fmt: skip
_LINKED = (
    "linked transaction id", "original transaction id", "parent transaction id", "transaction d origine",
    "original receipt", "related transaction id", "reversed transaction id",
)  # fmt: skip
_SAID = (
    "description", "libelle", "details", "detail", "narration", "narrative", "particulars", "motif", "note",
    "payer message", "payee note", "comment", "commentaire", "remarks", "intitule", "communication", "from name",
    "from handler name", "nom de l expediteur", "payer name", "to name", "to handler name", "sender name", "nom",
    "customer name", "mno", "mmo", "reason", "message", "other party info", "wording",
)  # fmt: skip
_DIRECTION = (
    "direction",
    "sens",
    "dr cr",
    "cr dr",
    "d c",
    "c d",
    "credit debit",
    "debit credit",
    "credit debit indicator",
)
_ACCOUNT = ("account", "compte", "account number", "numero de compte", "iban", "short code")
_COUNTRY = ("country", "pays")

_ANY: Mapping[Column, tuple[str, ...]] = {
    "at": _AT,
    "status": _STATUS,
    "kind": _KIND,
    "amount": _AMOUNT,
    "credit": _CREDIT,
    "debit": _DEBIT,
    "direction": _DIRECTION,
    "fee": _FEE,
    "balance": _BALANCE,
    "currency": _CURRENCY,
    "operator_id": _OPERATOR_ID,
    "our_id": _OUR_ID,
    "reference": _REFERENCE,
    "payer": _PAYER,
    "payee": _PAYEE,
    "linked": _LINKED,
    "said": _SAID,
}

# The partner portal of MTN MoMo. Its Id is the number that payers find in their SMS, External Id is what we sent.
MTN_PORTAL = Layout(
    "MTN MoMo partner portal",
    {
        **_ANY,
        "operator_id": ("id", "transaction id", "financial transaction id"),
        "our_id": ("external id", "external transaction id", "externalid"),
        "reference": ("payer message", "reference", "from message", "note", "message"),
        "payer": ("from", "de", "from account", "from fri", "from msisdn", "payer"),
        "payee": ("to", "a", "vers", "to account", "to fri", "to msisdn", "payee"),
        "credit": (),
        "debit": (),
    },
    needs=("at", "amount", "operator_id", "status"),
    decimal=".",
)

# docs.pawapay.io: times are UTC. The Transaction ID of a statement is ours; the operator's stands in the deposits only.
PAWAPAY_DEPOSITS = Layout(
    "pawaPay deposits",
    {
        "at": ("creation date", "created"),
        "payer": ("msisdn", "phone number"),
        "operator_id": ("financial transaction id", "provider transaction id"),
        "our_id": ("transaction id", "deposit id", "id"),
        "amount": ("deposited amount",),
        "currency": _CURRENCY,
        "status": ("status",),
        "country": _COUNTRY,
        "linked": (),
        "said": ("mmo", "mno", "provider", "reason"),
    },
    needs=("at", "amount", "operator_id", "status"),
    completed=frozenset(("completed",)),
    left_out=frozenset(
        (
            "failed",
            "accepted",
            "processing",
            "enqueued",
            "submitted",
            "rejected",
            "in reconciliation",
            "duplicate ignored",
        )
    ),
    decimal=".",
    time_zone="UTC",
    assumed=False,
    usual="payment",
)
PAWAPAY_STATEMENT = Layout(
    "pawaPay statement",
    {
        "at": ("creation date", "created", "transaction date", "date", "completed"),
        "payer": ("msisdn", "phone number"),
        "our_id": ("transaction id", "deposit id", "id"),
        "operator_id": ("financial transaction id", "provider transaction id"),
        "amount": ("amount",),
        "fee": ("fee", "transaction fee", "commission"),
        "balance": ("balance", "wallet balance", "balance after", "running balance", "new balance"),
        "currency": _CURRENCY,
        "status": ("status",),
        "country": _COUNTRY,
        "kind": ("type", "transaction type", "operation type"),
        "linked": ("original transaction id", "related transaction id", "deposit transaction id"),
        "said": ("mno", "mmo", "provider", "description", "reason"),
    },
    needs=("at", "amount", "our_id", "kind"),
    completed=frozenset(("completed",)),
    left_out=PAWAPAY_DEPOSITS.left_out,
    decimal=".",
    time_zone="UTC",
    assumed=False,
)

# The portal of M-Pesa for organisations: rows about the organisation come first, the newest line next.
MPESA_ORGANISATION = Layout(
    "M-Pesa organisation statement",
    {
        "at": ("completion time", "completed on", "initiation time"),
        "status": ("transaction status", "status"),
        "credit": ("paid in",),
        "debit": ("withdrawn", "paid out"),
        "balance": ("balance",),
        "kind": ("reason type", "transaction type", "details"),
        "operator_id": ("receipt no", "receipt number", "receipt"),
        "our_id": ("third party transaction id",),
        "reference": ("a c no", "account no", "account number"),
        "payer": ("other party info", "other party", "opposite party"),
        "linked": ("linked transaction id",),
        "said": ("details", "other party info"),
        "currency": _CURRENCY,
    },
    needs=("at", "operator_id", "credit"),
    decimal=".",
    date_order="dmy",
    assumed=False,
    fees_share_numbers=True,
    newest_first=True,
)

ORANGE_MONEY = Layout(
    "Orange Money",
    {
        **_ANY,
        "operator_id": (
            "transaction id",
            "txnid",
            "txn id",
            "id transaction",
            "reference",
            "numero de transaction",
            "id",
        ),
        "our_id": ("order id", "orderid", "external id", "reference externe", "reference marchand"),
        "reference": ("reference client", "message", "motif", "reference paiement"),
    },
    needs=("at", "operator_id"),
)
AIRTEL_MONEY = Layout(
    "Airtel Money",
    {
        **_ANY,
        "operator_id": ("transaction id", "airtel money id", "airtel money transaction id", "txn id", "id"),
        "our_id": ("partner transaction id", "merchant transaction id", "external id", "external transaction id"),
        "reference": ("reference", "reference no", "reference number", "payment reference", "message"),
    },
    needs=("at", "operator_id"),
)
# The names that the GSMA Mobile Money API gives the entries of a statement, as columns.
GSMA = Layout(
    "GSMA Mobile Money API",
    {
        "at": ("creation date", "created date", "modification date"),
        "status": ("transaction status",),
        "kind": ("type", "transaction type", "sub type", "description text"),
        "amount": ("amount",),
        "currency": _CURRENCY,
        "operator_id": ("transaction reference",),
        "our_id": ("requesting organisation transaction reference", "server correlation id", "client correlation id"),
        "payer": ("debit party", "debit party msisdn"),
        "payee": ("credit party", "credit party msisdn"),
        "linked": ("original transaction reference",),
        "said": ("description text", "display type"),
    },
    needs=("at", "amount", "operator_id", "status"),
    decimal=".",
    assumed=False,
)
ANY_OPERATOR = Layout("table of an operator", _ANY, needs=("at",))
ANY_BANK = Layout(
    "table of a bank",
    {
        **_ANY,
        "at": ("posting date", "date comptable", "date operation", "date de l operation", *_AT),
        "account": _ACCOUNT,
    },
    needs=("at",),
    rules=BANK_RULES,
    words_refer=True,
)

_OF_OPERATOR = {
    "mtn_momo": (MTN_PORTAL,),
    "pawapay": (PAWAPAY_DEPOSITS, PAWAPAY_STATEMENT),
    "mpesa": (MPESA_ORGANISATION,),
    "orange_money": (ORANGE_MONEY,),
    "airtel_money": (AIRTEL_MONEY,),
}
OPERATORS = frozenset((*_OF_OPERATOR, "moov_money", "ecocash", "lumicash", "wave", "free_money", "yas"))


def layouts_of(operator: str) -> tuple[Layout, ...]:
    """The tables that an operator or a bank may hand out, the likeliest first."""
    if operator in OPERATORS:
        return (*_OF_OPERATOR.get(operator, ()), GSMA, ANY_OPERATOR)
    return (GSMA, ANY_BANK)
