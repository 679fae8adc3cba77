"""Writes movements as the file that each operator or bank would make of them, a million lines quickly.

Movements are a frame of these columns: ``at`` (UTC), ``kind``, ``amount`` (minor units), ``fee``, ``operator_id``,
``our_id``, ``reference``, ``payer`` (E.164), ``linked``. ``balance`` is worked out from the opening one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import polars as pl

from gateway.kernel.money import EXPONENT
from gateway.payments.statements.lines import LINES, MOMENT

MOVEMENTS = pl.Schema(
    {
        "at": MOMENT,
        "kind": pl.String,
        "amount": pl.Int64,
        "fee": pl.Int64,
        "operator_id": pl.String,
        "our_id": pl.String,
        "reference": pl.String,
        "payer": pl.String,
        "linked": pl.String,
    }
)
OURS = "2290197000001"  # the number that the payments go to


def movements(rows: list[Mapping[str, object]]) -> pl.DataFrame:
    """Movements from a few values each; what isn't said is null, a fee 0."""
    return pl.DataFrame([{"fee": 0, "kind": "payment", **row} for row in rows], schema=MOVEMENTS, orient="row")


def with_balances(moved: pl.DataFrame, opening_minor: int = 0) -> pl.DataFrame:
    """The same with the operator's balance after each, the oldest first."""
    return moved.with_columns(balance=(pl.col("amount") - pl.col("fee")).cum_sum() + opening_minor)


def plain_figures(column: str, currency: str, decimal: str = ".", thousands: str = "") -> pl.Expr:
    """An amount as text, from minor units."""
    exponent = EXPONENT[currency]
    minor = pl.col(column)
    whole = (minor.abs() // 10**exponent).cast(pl.String)
    if thousands:
        grouped = whole.str.reverse().str.replace_all(r"(\d{3})", "${1}#").str.strip_suffix("#").str.reverse()
        whole = grouped.str.replace_all("#", thousands, literal=True)
    text = whole
    if exponent:
        text = text + decimal + (minor.abs() % 10**exponent).cast(pl.String).str.zfill(exponent)
    return pl.when(minor < 0).then("-" + text).otherwise(text)


def local(zone: str, form: str = "%Y-%m-%d %H:%M:%S") -> pl.Expr:
    """The moment as clocks there show it."""
    return pl.col("at").dt.convert_time_zone(zone).dt.strftime(form)


def csv(table: pl.DataFrame, separator: str = ",", before: str = "", encoding: str = "utf-8") -> bytes:
    """A table as CSV, below some rows of its own."""
    out = io.BytesIO()
    table.write_csv(out, separator=separator)
    body = before.encode() + out.getvalue()
    return body if encoding == "utf-8" else body.decode().encode(encoding)


def mtn_momo(moved: pl.DataFrame, zone: str = "Africa/Porto-Novo", currency: str = "XOF") -> pl.DataFrame:
    """MTN MoMo's partner portal: amounts without a sign, the wallet's addresses in From and To."""
    words = {"payment": "Payment", "reversal": "Reversal", "refund": "Refund", "fee": "Fee", "sweep": "Bank transfer"}
    other = pl.lit("FRI:") + pl.col("payer").str.strip_prefix("+") + "/MSISDN"
    ours = pl.lit(f"FRI:{OURS}/MSISDN")
    came = pl.col("amount") > 0
    return moved.select(
        pl.col("operator_id").alias("Id"),
        local(zone).alias("Date"),
        pl.lit("Successful").alias("Status"),
        pl.col("kind").replace_strict(words, default="Adjustment").alias("Type"),
        pl.col("our_id").alias("External Id"),
        pl.when(came).then(other).otherwise(ours).alias("From"),
        pl.when(came).then(pl.lit("Aline N")).otherwise(pl.lit("Mutuelle")).alias("From Name"),
        pl.when(came).then(ours).otherwise(other).alias("To"),
        pl.col("reference").alias("Payer message"),
        plain_figures("amount", currency).str.strip_prefix("-").alias("Amount"),
        plain_figures("fee", currency).alias("Fee"),
        plain_figures("balance", currency).alias("Balance"),
        pl.lit(currency).alias("Currency"),
    )


def pawapay(moved: pl.DataFrame, currency: str = "XOF", country: str = "BEN") -> pl.DataFrame:
    """pawaPay's statement: UTC, our own keys, amounts with two decimals."""
    words = {
        "payment": "DEPOSIT",
        "reversal": "DEPOSIT_REVERSAL",
        "refund": "PAYOUT",
        "fee": "FEE",
        "sweep": "SETTLEMENT",
    }
    return moved.select(
        local("UTC", "%Y-%m-%dT%H:%M:%SZ").alias("Creation Date"),
        pl.col("payer").str.strip_prefix("+").alias("MSISDN"),
        pl.col("our_id").alias("Transaction ID"),
        (plain_figures("amount", currency) + ("" if EXPONENT[currency] else ".00")).alias("Amount"),
        pl.lit(currency).alias("Currency"),
        pl.lit(country).alias("Country"),
        pl.lit("MTN_MOMO_BEN").alias("MNO"),
        pl.col("kind").replace_strict(words, default="ADJUSTMENT").alias("Type"),
        plain_figures("balance", currency).alias("Balance"),
    )


def mpesa(moved: pl.DataFrame, zone: str = "Africa/Nairobi", form: str = "%d-%m-%Y %H:%M:%S") -> pl.DataFrame:
    """M-Pesa's portal for organisations: newest first, thousands behind commas, parties masked."""
    words = {
        "payment": "Pay Utility", "reversal": "Reversal", "refund": "Business Payment", "fee": "Pay Utility Charge",
        "sweep": "Organization Settlement",
    }  # fmt: skip
    digits = pl.col("payer").str.strip_prefix("+")
    kind = pl.col("kind").replace_strict(words, default="Adjustment")
    when = local(zone, form)
    return moved.select(
        pl.col("operator_id").str.to_lowercase().alias("Receipt No."),
        when.alias("Completion Time"),
        when.alias("Initiation Time"),
        (kind + " from " + digits.str.slice(0, 4) + "****" + digits.str.slice(-4)).alias("Details"),
        pl.lit("Completed").alias("Transaction Status"),
        pl.when(pl.col("amount") > 0).then(plain_figures("amount", "KES", thousands=",")).alias("Paid In"),
        pl.when(pl.col("amount") < 0).then(plain_figures("amount", "KES", thousands=",")).alias("Withdrawn"),
        plain_figures("balance", "KES", thousands=",").alias("Balance"),
        pl.lit("true").alias("Balance Confirmed"),
        kind.alias("Reason Type"),
        (digits.str.slice(0, 4) + "****" + digits.str.slice(-4) + " - ALINE N").alias("Other Party Info"),
        pl.col("linked").alias("Linked Transaction ID"),
        pl.col("reference").alias("A/C No."),
    ).reverse()


MPESA_ABOVE = "Organization Name:,MUTUELLE TEST\nShort Code:,123456\n\n"


def bank(moved: pl.DataFrame, zone: str = "Africa/Porto-Novo", currency: str = "XOF") -> pl.DataFrame:
    """A bank's table in French: debit and credit columns, a label, no kinds."""
    words = {
        "payment": "Cotisation",
        "fee": "Frais de tenue de compte",
        "sweep": "Reversement MTN MOMO",
        "refund": "Remboursement",
    }
    return moved.select(
        local(zone, "%d/%m/%Y").alias("Date opération"),
        pl.col("kind").replace_strict(words, default="Divers").alias("Libellé"),
        pl.col("operator_id").alias("Référence banque"),
        pl.when(pl.col("amount") < 0)
        .then(plain_figures("amount", currency, ",", " ").str.strip_prefix("-"))
        .alias("Débit"),
        pl.when(pl.col("amount") > 0).then(plain_figures("amount", currency, ",", " ")).alias("Crédit"),
        plain_figures("balance", currency, ",", " ").alias("Solde"),
    )


def many(rows: int, currency: str = "XOF") -> pl.DataFrame:
    """As many payments, two seconds apart, of a hundred thousand payers."""
    i = pl.int_range(rows, eager=True)
    start = pl.datetime(2026, 9, 1, time_zone="UTC", time_unit="us")
    moved = pl.select(
        at=start + pl.duration(seconds=2 * i, time_unit="us"),
        kind=pl.repeat("payment", rows),
        amount=(i * 7919 % 5000 + 500) * 10 ** EXPONENT[currency],
        fee=pl.repeat(0, rows, dtype=pl.Int64),
        operator_id=(i + 24_000_000_000).cast(pl.String),
        our_id=pl.format(
            "{}-4a5b-4c6d-8e7f-{}", i.cast(pl.String).str.zfill(8), (i * 31).cast(pl.String).str.zfill(12)
        ),
        reference=(i % 1_000_000 + 100_000_000).cast(pl.String),
        payer=pl.format("+22901{}", i % 100_000 + 61_000_000),
        linked=pl.repeat(None, rows, dtype=pl.String),
    )
    return with_balances(moved)


def expected(moved: pl.DataFrame, **changed: pl.Expr) -> pl.DataFrame:
    """The lines that reading should give, but for ``line`` and ``said``, which are each format's own."""
    columns = [name for name in LINES if name not in ("line", "said")]
    return moved.with_columns(**changed).select(pl.col(name).cast(LINES[name]) for name in columns)
