"""docs/reliability.md keeps its word: every way to fail is there once, with tests that exist and run, or as not yet."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
PAGE = HERE / "docs" / "reliability.md"

FAMILIES = {"I": 12, "A": 12, "B": 16, "C": 8, "D": 7, "E": 9, "F": 8, "G": 9, "H": 12, "I-": 4}
IDS = [f"{family}{number}" for family, count in FAMILIES.items() for number in range(1, count + 1)]

# What the gateway has no part for. A row that is not named here is proven: whoever takes its proof away says so here.
NOT_YET = {"G9", "H11", "I-1", "I-3"}
SKIPS = {"skip", "skipif", "xfail"}


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    id: str
    wrong: str
    here: str
    tests: tuple[str, ...]


def rows_of(page: str) -> list[Row]:
    """The rows of all tables, in order."""
    found = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and re.fullmatch(r"[A-I]-?\d+", cells[0]):
            assert len(cells) == 4, f"{cells[0]} has {len(cells)} columns"
            found.append(Row(cells[0], cells[1], cells[2], tuple(re.findall(r"`([^`]+)`", cells[3]))))
    return found


ROWS = rows_of(PAGE.read_text())


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions_of(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def classes_of(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree_of(path).body if isinstance(node, ast.ClassDef)}


@cache
def heirs() -> dict[str, int]:
    """How many classes that pytest collects have a class of this name for a base."""
    found: dict[str, int] = {}
    for path in (HERE / "tests").rglob("test_*.py"):
        for one in classes_of(path).values():
            for base in one.bases:
                if one.name.startswith("Test"):
                    name = ast.unparse(base).rpartition(".")[2]
                    found[name] = found.get(name, 0) + 1
    return found


def missing(reference: str) -> str | None:
    """Why pytest would not run what a reference names; None when it would."""
    path, _, name = reference.partition("::")
    file = HERE / path
    if not file.is_file():
        return "there is no such file"
    owner, _, own = name.rpartition("::")
    body = tree_of(file).body
    if owner:
        kind = classes_of(file).get(owner)
        if kind is None:
            return f"there is no class {owner}"
        if not (owner.startswith("Test") and file.name.startswith("test_")) and not heirs().get(owner):
            return f"nobody inherits {owner}"
        body = kind.body
    elif not file.name.startswith("test_"):
        return "pytest does not collect this file"
    test = functions_of(body).get(own)
    if test is None or not own.startswith("test_"):
        return "there is no such test"
    marks = {re.split(r"[.(]", ast.unparse(each).removeprefix("pytest.mark."))[0] for each in test.decorator_list}
    if marks & SKIPS:
        return "it may be skipped"
    return None


def test_every_way_to_fail_stands_on_the_page_once_and_in_order() -> None:
    assert [row.id for row in ROWS] == IDS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_proven_or_says_what_is_missing(row: Row) -> None:
    assert row.wrong
    if row.id in NOT_YET:
        assert row.here.startswith("not yet: ")
        assert row.tests == ()
    else:
        assert not row.here.startswith("not yet")
        assert row.here
        assert row.tests
        assert len(set(row.tests)) == len(row.tests)


@pytest.mark.parametrize("reference", sorted({test for row in ROWS for test in row.tests}))
def test_a_test_that_is_named_exists_and_is_run(reference: str) -> None:
    assert missing(reference) is None


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("tests/nowhere/test_x.py::test_x", "no such file"),
        ("tests/test_ledger.py::test_nothing", "no such test"),
        ("tests/test_ledger.py::TestX::test_x", "no class"),
        ("tests/payments/village.py::found", "does not collect"),
        ("tests/payments/providers/contract.py::Played::debits", "nobody inherits"),
        ("tests/payments/providers/contract.py::ProviderContract::test_nothing", "no such test"),
    ],
)
def test_what_does_not_exist_is_found_out(reference: str, why: str) -> None:
    assert why in (missing(reference) or "")


def test_a_contract_is_run_for_each_operator_and_each_gateway() -> None:
    assert heirs()["ProviderContract"] >= 6
    assert heirs()["GatewayContract"] >= 3


def test_a_page_of_which_a_row_lost_a_column_is_found_out() -> None:
    with pytest.raises(AssertionError, match="A1 has 3 columns"):
        rows_of("| A1 | x | y |")
    assert rows_of("| A1 | x | y | `t` `u` |\n| id | a | b | c |\n| --- |") == [Row("A1", "x", "y", ("t", "u"))]
