"""Whatever moved, in whatever way it is written down: reading gives it back exactly."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.payments.statements.lines import LINES
from gateway.payments.statements.reading import Hints, read_statement
from tests.payments.statements import writers
from tests.payments.statements.specimens import BENIN, KENYA

START = datetime(2026, 1, 1, tzinfo=UTC)
# Names as people of the field have them: letters that each encoding writes in its own way, and signs of CSV itself.
NAMES = st.sampled_from(
    ["100200300", "carte 100200300", "Aïcha Koné", 'N\'Dri; 5, "rue"', "ÉLOÏSE œuvre", "=1+1", "x" * 90]
)
KINDS = {"payment": 1, "reversal": -1, "refund": -1, "fee": -1, "sweep": -1}


@st.composite
def moved(draw: st.DrawFn) -> pl.DataFrame:
    """Movements, the oldest first; one of them on the 25th, which can be no month."""
    count = draw(st.integers(1, 12))
    at = START + timedelta(days=24, seconds=draw(st.integers(0, 80_000)))
    rows: list[dict[str, object]] = []
    for number in range(count):
        kind = draw(st.sampled_from([*KINDS, "payment", "payment"]))
        amount = draw(st.integers(1, 10 ** draw(st.integers(1, 9)))) * KINDS[kind]
        rows.append(
            {
                "at": at,
                "kind": kind,
                "amount": amount,
                "operator_id": f"{draw(st.sampled_from(['UI', 'MP', '24']))}{number:04d}{draw(st.integers(0, 10**8))}",
                "our_id": f"{draw(st.uuids())}".replace("-", "").upper(),
                "reference": draw(NAMES),
                "payer": f"+22901{draw(st.sampled_from(['97', '61', '66']))}{draw(st.integers(0, 10**6 - 1)):06d}",
            }
        )
        at += timedelta(seconds=draw(st.sampled_from([0, 1, 59, 3600, 86_400])))
    return writers.with_balances(writers.movements(rows), draw(st.integers(0, 10**9)))


def read(content: bytes, operator: str, hints: Hints) -> pl.DataFrame:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return pl.concat([pl.DataFrame(schema=LINES), *read_statement(Path(file.name), operator, hints).lines])


def same(got: pl.DataFrame, want: pl.DataFrame) -> None:
    shown = got.select(want.columns)
    assert shown.equals(want), (shown.to_dicts(), want.to_dicts())


ABOVE = st.sampled_from(["", "Relevé de compte\n", "Account;12\n\n", '"a ""quoted"" title"\n,,\n'])
SEPARATORS = st.sampled_from([",", ";", "\t", "|"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def spelled(table: pl.DataFrame, separator: str, above: str, encoding: str, packed: bool) -> bytes:
    content = writers.csv(table, separator, above, encoding)
    return gzip.compress(content) if packed else content


@QUICK
@given(moved(), SEPARATORS, ABOVE, ENCODINGS, st.booleans(), st.booleans())
def test_mtn(moved: pl.DataFrame, separator: str, above: str, encoding: str, newest: bool, packed: bool) -> None:
    table = writers.mtn_momo(moved)
    content = spelled(table.reverse() if newest else table, separator, above, encoding, packed)
    same(read(content, "mtn_momo", BENIN), writers.expected(moved))


@QUICK
@given(moved(), SEPARATORS, ABOVE, ENCODINGS, st.booleans())
def test_pawapay(moved: pl.DataFrame, separator: str, above: str, encoding: str, newest: bool) -> None:
    table = writers.pawapay(moved)
    content = spelled(table.reverse() if newest else table, separator, above, encoding, packed=False)
    nothing = pl.lit(None, pl.String)
    same(read(content, "pawapay", BENIN), writers.expected(moved, operator_id=nothing, reference=nothing))


@QUICK
@given(
    moved(),
    SEPARATORS,
    ABOVE,
    ENCODINGS,
    st.sampled_from(["%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
)
def test_mpesa(moved: pl.DataFrame, separator: str, above: str, encoding: str, form: str) -> None:
    moved = moved.with_columns(payer="+254" + pl.col("payer").str.slice(-9))
    content = spelled(writers.mpesa(moved, form=form), separator, above, encoding, packed=False)
    masked = pl.col("payer").str.slice(0, 5) + "****" + pl.col("payer").str.slice(-4)
    linked = pl.when(pl.col("kind") == "fee").then("operator_id")
    want = writers.expected(moved, payer=masked, linked=linked, our_id=pl.lit(None, pl.String))
    same(read(content, "mpesa", KENYA), want)


FIGURES: list[tuple[str, str]] = [(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (",", "\u202f"), (".", "'")]


@QUICK
@given(
    moved(),
    SEPARATORS,
    ABOVE,
    ENCODINGS,
    st.sampled_from(["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S", "%d %b %Y %H:%M:%S"]),
    st.sampled_from(FIGURES),
    st.sampled_from([None, "debit", "()", "trailing"]),
    st.booleans(),
)
def test_any_bank(
    moved: pl.DataFrame,
    separator: str,
    above: str,
    encoding: str,
    form: str,
    figures: tuple[str, str],
    signs: str | None,
    newest: bool,
) -> None:
    if encoding == "cp1252":
        figures = figures if figures[1] != "\u202f" else (",", "\u00a0")
    amount = writers.plain_figures("amount", "USD", *figures)
    bare = amount.str.strip_prefix("-")
    left = pl.col("amount") < 0
    written: dict[str, pl.Expr] = {
        "()": pl.when(left).then("(" + bare + ")").otherwise(bare),
        "trailing": pl.when(left).then(bare + "-").otherwise(bare),
    }
    columns: dict[str, pl.Expr] = (
        {"Débit": pl.when(left).then(bare), "Crédit": pl.when(~left).then(bare)}
        if signs == "debit"
        else {"Montant": written[signs] if signs else amount}
    )
    words = {
        "payment": "Cotisation",
        "reversal": "Annulation",
        "refund": "Remboursement",
        "fee": "Frais",
        "sweep": "MTN",
    }
    table = moved.select(
        writers.local("Africa/Kinshasa", form).alias("Date opération"),
        pl.col("operator_id").alias("Référence banque"),
        pl.col("reference").alias("Motif"),
        pl.col("kind").replace_strict(words).alias("Opération"),
        **columns,
        Solde=writers.plain_figures("balance", "USD", *figures),
    )
    content = spelled(table.reverse() if newest else table, separator, above, encoding, packed=False)
    hints = replace(BENIN, currency="USD", country="CD", time_zone="Africa/Kinshasa")
    got = read(content, "bank_of_kinshasa", hints)
    same(got, writers.expected(moved).select("at", "amount", "balance", "operator_id"))


def test_a_long_file_is_read_in_frames_and_turned_round() -> None:
    moved = writers.many(250_000)
    write: Callable[[pl.DataFrame], bytes] = writers.csv
    with tempfile.NamedTemporaryFile() as file:
        file.write(write(writers.mtn_momo(moved).reverse()))
        file.flush()
        frames = list(read_statement(Path(file.name), "mtn_momo", BENIN).lines)
    assert [frame.height for frame in frames] == [100_000, 100_000, 50_000]
    got = pl.concat(frames)
    assert got["line"].to_list() == list(range(250_001, 1, -1))
    same(got, writers.expected(moved, our_id=pl.col("our_id").str.replace_all("-", "").str.to_uppercase()))


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
@pytest.mark.parametrize("name", ["Aïcha Koné", "Noé", "ÉLOÏSE", "Séméré 2"])
def test_one_short_name_tells_how_a_file_was_written(name: str, encoding: str) -> None:
    row = {"at": START, "kind": "payment", "amount": 5, "operator_id": "UI1", "our_id": "A1", "payer": "+2290197000000"}
    moved = writers.with_balances(writers.movements([{**row, "reference": name}]), 0)
    same(read(writers.csv(writers.mtn_momo(moved), ";", "", encoding), "mtn_momo", BENIN), writers.expected(moved))
