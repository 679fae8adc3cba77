"""The table of operators: every row agrees with the national numbering plan, and a bad file says where it is bad."""

from __future__ import annotations

from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import carrier

from gateway.kernel.faults import Fault
from gateway.kernel.msisdn import BadMsisdn, country_of, read_msisdn
from gateway.payments.push.operators import BadOperators, Operator, Operators, Push

OPERATORS = Operators.load()
ROWS = [(one, prefix) for one in OPERATORS.all for prefix in one.prefixes]

# (country, name people know) → the network's name in the published plan.
NETWORK = {
    ("BF", "Moov Money"): "Moov Africa", ("BF", "Orange Money"): "Orange", ("BF", "Telecel"): "Telecel Faso",
    ("BI", "EcoCash"): "Leo", ("BI", "Lumicash"): "Lumitel", ("BI", "Onatel"): "Onatel",
    ("BI", "Smart Mobile"): "Smart Mobile",
    ("BJ", "Celtiis Cash"): "Celtiis", ("BJ", "MTN MoMo"): "MTN", ("BJ", "Moov Money"): "Moov",
    ("CD", "Afrimoney"): "Africell", ("CD", "Airtel Money"): "Airtel", ("CD", "M-Pesa"): "Vodacom",
    ("CD", "Orange Money"): "Orange",
    ("CI", "MTN MoMo"): "MTN", ("CI", "Moov Money"): "Moov", ("CI", "Orange Money"): "Orange",
    ("CM", "Camtel"): "Camtel", ("CM", "MTN MoMo"): "MTN Cameroon", ("CM", "Nexttel"): "NEXTTEL",
    ("CM", "Orange Money"): "Orange",
    ("GN", "Cellcom"): "Cellcom", ("GN", "Intercel"): "Intercel", ("GN", "MTN MoMo"): "Areeba",
    ("GN", "Orange Money"): "Orange", ("GN", "Sotelgui"): "Sotelgui",
    ("ML", "Moov Money"): "Sotelma", ("ML", "Orange Money"): "Orange", ("ML", "Telecel"): "Atel",
    ("NE", "Airtel Money"): "Airtel", ("NE", "Moov Money"): "Moov", ("NE", "Niger Telecoms"): "Niger Telecoms",
    ("NE", "Zamani"): "Orange",
    ("RW", "Airtel Money"): "Airtel", ("RW", "MTN MoMo"): "MTN",
    ("SN", "Expresso"): "Expresso", ("SN", "Hayo"): "HAYO", ("SN", "Mixx by Yas"): "Yas",
    ("SN", "Orange Money"): "Orange", ("SN", "Promobile"): "Promobile",
    ("TG", "Mixx by Yas"): "Togo Telecom", ("TG", "Moov Money"): "Moov",
}  # fmt: skip


def _example(country: str, prefix: str) -> str:
    """A number of that prefix, in E.164; nobody's, for its last digits are all 0."""
    return f"+{phonenumbers.country_code_for_region(country)}" + prefix.ljust(_digits(country), "0")


def _digits(country: str) -> int:
    return {"BJ": 10, "CI": 10, "GN": 9, "CD": 9, "RW": 9, "SN": 9, "CM": 9}.get(country, 8)


@pytest.mark.parametrize(("operator", "prefix"), ROWS, ids=[f"{one.country}-{prefix}" for one, prefix in ROWS])
def test_a_row_agrees_with_the_national_plan(operator: Operator, prefix: str) -> None:
    msisdn = _example(operator.country, prefix)
    assert read_msisdn(msisdn, operator.country) == msisdn
    assert country_of(msisdn) == operator.country
    assert carrier.name_for_number(phonenumbers.parse(msisdn, None), "en") == NETWORK[operator.country, operator.name]
    assert OPERATORS.of(msisdn) is operator


# Prefixes that the plan calls mobile and where no operator with wallets is known.
NOBODY = {"BJ": {"0125", "0126", "0127", "0129"}, "CD": {"87"}, "CM": {"24"}, "ML": {"20", "21"}, "NE": {"76"},
          "RW": {"77"}, "SN": {"79"}}  # fmt: skip


@pytest.mark.parametrize("country", sorted({one.country for one in OPERATORS.all}))
def test_no_mobile_prefix_of_a_country_is_forgotten(country: str) -> None:
    nobody: set[str] = set()
    for four in range(10_000):
        msisdn = _example(country, f"{four:04d}")
        try:
            valid = read_msisdn(msisdn, country) == msisdn
        except BadMsisdn:
            valid = False
        if valid and not OPERATORS.of(msisdn):
            nobody.add(f"{four:04d}"[: 4 if country == "BJ" else 2])
    assert nobody == NOBODY.get(country, set())


def test_the_countries_served() -> None:
    served = {one.country for one in OPERATORS.all}
    assert sorted(served) == ["BF", "BI", "BJ", "CD", "CI", "CM", "GN", "ML", "NE", "RW", "SN", "TG"]


@pytest.mark.parametrize(
    ("typed", "country", "name"),
    [
        ("61 00 00 01", "BJ", "MTN MoMo"),  # Benin's old eight digits, as people still say them
        ("+22961000001", "BJ", "MTN MoMo"),
        ("+229 64 00 00 01", "BJ", "Moov Money"),
        ("0143000001", "BJ", "Celtiis Cash"),
        ("0810000001", "CD", "M-Pesa"),
        ("79 00 00 01", "BI", "EcoCash"),
        ("681000001", "CM", "MTN MoMo"),
        ("687000001", "CM", "Orange Money"),
    ],
)
def test_a_number_as_it_is_typed_finds_its_operator(typed: str, country: str, name: str) -> None:
    operator = OPERATORS.of(read_msisdn(typed, country))
    assert operator
    assert (operator.country, operator.name) == (country, name)


@pytest.mark.parametrize("msisdn", ["+22961000001", "+2290161", "+46733123450", "+229", "+", "", "2290161000001"])
def test_what_is_no_full_number_of_the_table_has_no_operator(msisdn: str) -> None:
    assert OPERATORS.of(msisdn) is None


@pytest.mark.parametrize(
    ("msisdn", "in_sandbox", "push"),
    [
        ("+2290161000001", False, Push("mtn_momo", "mtnbenin")),
        ("+2290164000001", False, Push("pawapay", "MOOV_BEN")),
        ("+2290143000001", False, None),  # Celtiis
        ("+250780000001", False, Push("mtn_momo", "mtnrwanda")),
        ("+25779000001", False, None),
        ("+25779000001", True, Push("mtn_momo", "sandbox")),
        ("+46733123450", True, Push("mtn_momo", "sandbox")),  # a test payer of MTN's sandbox
        ("+46733123450", False, None),
        ("+22921300001", True, None),  # no mobile number
        ("garbage", True, None),
    ],
)
def test_who_can_be_pushed(msisdn: str, in_sandbox: bool, push: Push | None) -> None:
    assert next(iter(OPERATORS.pushes_for(msisdn, in_sandbox)), None) == push


@pytest.mark.parametrize(
    ("country", "names"),
    [
        ("BI", ["EcoCash", "Lumicash"]),
        ("CD", ["M-Pesa", "Airtel Money", "Orange Money", "Afrimoney"]),
        ("ML", ["Orange Money", "Moov Money"]),
        ("KE", []),
    ],
)
def test_who_can_be_paid_by_merchant_code(country: str, names: list[str]) -> None:
    assert [one.name for one in OPERATORS.all if one.country == country and one.reference] == names


GOOD = """
[KE]
calling = "254"
digits = 9
[[KE.operator]]
name = "M-Pesa"
prefixes = ["70", "71"]
reference = true
[[KE.operator]]
name = "Airtel Money"
prefixes = ["73"]
"""


def test_a_file_of_ones_own_replaces_the_table(tmp_path: Path) -> None:
    path = tmp_path / "operators.toml"
    path.write_text(GOOD)
    own = Operators.load(path)
    assert [one.name for one in own.all] == ["M-Pesa", "Airtel Money"]
    assert own.of("+254700000001") == own.all[0]
    assert own.of("+2290161000001") is None


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("[KE]", "[KE", "line 2"),
        ("[KE]\n", "[Kenya]\n", "Kenya: a country is two capital letters"),
        ("digits = 9", "digits = 90", "KE digits: "),
        ('calling = "254"', "calling = 254", "KE calling: "),
        ('"71"]', '"7x"]', "KE operator 1 (M-Pesa) prefixes 2: "),
        ('"71"]', '"71", "73"]', "KE: Airtel Money and M-Pesa both have the prefix 73"),
        ('["73"]', "[]", "KE operator 2 (Airtel Money) prefixes: "),
        ("reference = true", "refrence = true", "KE operator 1 (M-Pesa) refrence: "),
        ("reference = true", 'push = [{ provider = "mtn_momo" }]', "KE operator 1 (M-Pesa) push 1 environment: "),
        ("reference = true", 'push = [{ provider = "x", environment = "y" }]', "must be one of airtel_money, "),
        ("[[KE.operator]]", "[[KE.operators]]", "KE operator: "),
        (GOOD, "KE = 1", "KE: "),
    ],
)
def test_a_bad_file_is_one_clear_line_with_the_place(tmp_path: Path, good: str, bad: str, told: str) -> None:
    path = tmp_path / "operators.toml"
    path.write_text(GOOD.replace(good, bad))
    with pytest.raises(BadOperators) as raised:
        Operators.load(path)
    line = str(raised.value)
    assert isinstance(raised.value, Fault)
    assert line.startswith(f"operators file {path}: ")
    assert told in line
    assert "\n" not in line


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BadOperators, match="nowhere"):
        Operators.load(tmp_path / "nowhere.toml")
