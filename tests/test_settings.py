"""Settings are read once, everything wrong is named at once, nothing is insecure by default, no secret is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.settings import BadSettings, Settings

GOOD = {
    "DATABASE_URL": "postgresql://cotisa:canary-db-password@db/cotisa",
    "REDIS_URL": "redis://:canary-redis-password@redis:6379/0",
    "SECRET_KEY": "canary-secret-key-of-32-characters-or-more",
    "WEBHOOK_SECRET": "canary-webhook-secret",
    "PUBLIC_URL": "https://cotisa.example",
}
MOMO = {
    "MTN_MOMO_API_USER": "11111111-1111-4111-8111-111111111111",
    "MTN_MOMO_API_KEY": "canary-momo-key",
    "MTN_MOMO_SUBSCRIPTION_KEY": "canary-subscription-key",
    "MTN_MOMO_TARGET_ENVIRONMENT": "sandbox",
}
AT = {"AFRICASTALKING_USERNAME": "cotisa", "AFRICASTALKING_API_KEY": "canary-at-key"}


def wrong(values: Mapping[str, str]) -> str:
    """The one line that names everything wrong with these settings."""
    with pytest.raises(BadSettings) as told:
        Settings.of(values)
    line = str(told.value)
    assert len(line.splitlines()) == 1
    assert line.startswith("settings: ")
    return line


def test_what_is_needed_is_enough() -> None:
    settings = Settings.of(GOOD)
    assert settings.database_url.startswith("postgresql+psycopg://cotisa:")
    assert (settings.default_country, settings.currency, settings.time_zone) == ("BJ", "XOF", "Africa/Porto-Novo")
    assert (settings.bind, settings.demo, settings.ussd_septets) == ("127.0.0.1", False, 160)
    assert Settings.of(GOOD | MOMO | AT).mtn_momo_target_environment == "sandbox"


def test_nothing_that_must_be_chosen_has_a_default() -> None:
    """No secret, no address and no key is made up; the two interfaces are off until they have keys."""
    for name in GOOD:
        assert wrong({key: value for key, value in GOOD.items() if key != name}) == f"settings: {name} is missing"
        assert wrong(GOOD | {name: ""}) == f"settings: {name} is missing"
    bare = Settings.of(GOOD)
    assert (bare.mtn_momo_api_user, bare.africastalking_username) == ("", "")
    assert wrong({}) == "settings: " + "; ".join(f"{name} is missing" for name in GOOD)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL must begin with postgresql:// or sqlite:///"),
        ({"DATABASE_URL": "postgresql://u:p@h:port/x"}, "DATABASE_URL can't be read as an address"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL must begin with redis://, rediss:// or unix://"),
        ({"SECRET_KEY": "x" * 31}, "SECRET_KEY must have at least 32 characters"),
        ({"WEBHOOK_SECRET": "x" * 15}, "WEBHOOK_SECRET must have at least 16 characters of A-Z a-z 0-9 _ -"),
        ({"WEBHOOK_SECRET": "with/a/slash/in/it"}, "WEBHOOK_SECRET must have at least 16 characters of A-Z"),
        ({"WEBHOOK_SECRET": "x" * 16 + "\n"}, "WEBHOOK_SECRET must have at least 16 characters of A-Z a-z 0-9 _ -"),
        ({"PUBLIC_URL": "http://cotisa.example"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "http://127.0.0.1.example"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "https://cotisa.example/{key}"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": "cotisa.example"}, "PUBLIC_URL must begin with https://"),
        ({"PORT": "0"}, "PORT "),
        ({"PORT": "eighty"}, "PORT "),
        ({"WEB_WORKERS": "1000"}, "WEB_WORKERS "),
        ({"DEFAULT_LANGUAGE": "de"}, "DEFAULT_LANGUAGE "),
        ({"DEFAULT_COUNTRY": "Benin"}, "DEFAULT_COUNTRY "),
        ({"CURRENCY": "CFA"}, "CURRENCY must be one of "),
        ({"TIME_ZONE": "Ouaké"}, "TIME_ZONE must be an IANA time zone"),
        ({"USSD_SEPTETS": "200"}, "USSD_SEPTETS "),
        ({"PUSH_DELAY_S": "-1"}, "PUSH_DELAY_S "),
        ({"LOG_LEVEL": "verbose"}, "LOG_LEVEL "),
        ({"DEMO": "perhaps"}, "DEMO "),
        ({"DEMO_CLOCK": "/tmp/clock"}, "DEMO_CLOCK belongs to the demonstration"),
        ({"OPERATORS_FILE": "/nonexistent.toml"}, "OPERATORS_FILE /nonexistent.toml doesn't exist"),
        ({"MTN_MOMO_API_USER": "u"}, "MTN_MOMO_API_USER and MTN_MOMO_API_KEY go together"),
        ({"MTN_MOMO_API_KEY": "k"}, "MTN_MOMO_API_USER and MTN_MOMO_API_KEY go together"),
        (MOMO | {"MTN_MOMO_SUBSCRIPTION_KEY": ""}, "MTN_MOMO_SUBSCRIPTION_KEY is missing"),
        (MOMO | {"MTN_MOMO_TARGET_ENVIRONMENT": ""}, "MTN_MOMO_TARGET_ENVIRONMENT is missing"),
        (
            MOMO | {"MTN_MOMO_TARGET_ENVIRONMENT": "Benin", "MTN_MOMO_BASE_URL": "https://momo.example"},
            "MTN_MOMO_TARGET_ENVIRONMENT ",
        ),
        (MOMO | {"MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin"}, "MTN_MOMO_BASE_URL is missing"),
        ({"MTN_MOMO_BASE_URL": "ftp://x"}, "MTN_MOMO_BASE_URL must begin with https://"),
        ({"MTN_MOMO_BASE_URL": "http://momo.example"}, "MTN_MOMO_BASE_URL must begin with https://"),
        ({"AFRICASTALKING_USERNAME": "u"}, "AFRICASTALKING_USERNAME and AFRICASTALKING_API_KEY go together"),
        ({"AFRICASTALKING_SENDER_ID": "x" * 12}, "AFRICASTALKING_SENDER_ID "),
        (AT | {"SMS_FIRST": "smpp"}, "SMS_FIRST is smpp, and SMPP_HOST is missing"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_is_wrong_is_named(values: dict[str, str], told: str) -> None:
    line = wrong(GOOD | values)
    assert line.startswith(f"settings: {told}")
    assert ";" not in line


def test_everything_wrong_is_named_at_once() -> None:
    values = GOOD | {
        "SECRET_KEY": "canary-short", "WEBHOOK_SECRET": "canary", "PUBLIC_URL": "http://cotisa.example", "PORT": "0",
        "CURRENCY": "CFA", "DEMO_CLOCK": "/tmp/clock", "MTN_MOMO_API_USER": "canary-user",
        "AFRICASTALKING_API_KEY": "canary-at-key",
    }  # fmt: skip
    del values["REDIS_URL"]
    line = wrong(values)
    for name in ("REDIS_URL", *(values.keys() - {"DATABASE_URL"})):
        assert name in line, name
    assert len(line.split("; ")) == 9
    assert "canary" not in line


def test_the_demonstration_may_be_plain_and_anything_here_may_be_tried_plain() -> None:
    assert (
        Settings.of(GOOD | {"DEMO": "true", "PUBLIC_URL": "http://demo.example/"}).public_url == "http://demo.example"
    )
    assert Settings.of(GOOD | {"PUBLIC_URL": "http://127.0.0.1:8000"}).public_url == "http://127.0.0.1:8000"


def test_settings_do_not_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings.of(GOOD).port = 1


def test_no_secret_is_shown() -> None:
    settings = Settings.of(GOOD | MOMO | AT)
    for shown in (repr(settings), str(settings), f"{settings!r}"):
        assert "canary" not in shown


# The command itself


def _run(words: list[str], values: Mapping[str, str], temporary: Path) -> tuple[int, str, str]:
    own = {"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **values}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], env=own, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["migrate", "run", "worker", "scheduler", "up", "ledger verify"])
def test_a_command_with_wrong_settings_ends_with_2_and_one_line(command: str, tmp_path: Path) -> None:
    values = GOOD | {"DATABASE_URL": "canary-database", "SECRET_KEY": "canary-short", "PORT": "canary-port"}
    code, out, err = _run(command.split(), values, tmp_path)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("gateway: settings: DATABASE_URL must begin with")
    for name in ("SECRET_KEY", "PORT"):
        assert name in err
    assert "canary" not in err


def test_a_command_without_any_settings_names_what_is_needed(tmp_path: Path) -> None:
    code, _, err = _run(["run"], {}, tmp_path)
    assert code == 2
    named = "; ".join(f"{name} is missing" for name in GOOD)
    assert err == f"gateway: settings: {named} (see docs/settings.md, or start the demonstration: make demo)\n"
