"""Every setting of the gateway, read once from the environment; all that is wrong is told at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.kernel.sources import read_by_name, read_networks

LANGUAGES = ("fr", "en", "rn", "sw")


class BadSettings(Fault):
    """One or more settings are missing or wrong; the text names all of them."""


class Settings(BaseSettings):
    """The gateway's settings, frozen; names in the environment are these in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    database_url: Annotated[
        str,
        Field(
            repr=False,  # it holds a password
            description="The database: `postgresql://user:password@host/name` in production, "
            "`sqlite:////var/lib/cotisa/cotisa.db` for one machine.",
        ),
    ]
    redis_url: Annotated[
        str, Field(repr=False, description="Redis, for sessions and the jobs' bell: `redis://` or `unix://`.")
    ]
    secret_key: Annotated[
        SecretStr,
        Field(
            description="At least 32 characters; keys the hashes under which phone numbers appear in Redis, and seals "
            "the second factors of the office: with another key, everybody sets theirs up anew."
        ),
    ]
    webhook_secret: Annotated[
        SecretStr,
        Field(
            description="The path segment (16 or more of `A-Za-z0-9_-`) that aggregators and operators call us with."
        ),
    ]
    webhook_secret_before: Annotated[
        SecretStr,
        Field(
            description="The WEBHOOK_SECRET that was: accepted beside the new one until all who call us know that. "
            "Empty once they do."
        ),
    ] = SecretStr("")
    callback_addresses: Annotated[
        str,
        Field(
            description="From where operators may call, `provider=address,network;provider=…`, e.g. "
            "`daraja=196.201.214.0/24;pawapay=3.64.89.224`. Others are told that there is no such page. A provider "
            "that isn't named may call from anywhere."
        ),
    ] = ""
    trusted_proxies: Annotated[
        str,
        Field(
            description="The addresses or networks of our own proxies, with commas, e.g. `127.0.0.1,10.0.0.0/8`: only "
            "from these does X-Forwarded-For count."
        ),
    ] = ""
    public_url: Annotated[
        str, Field(description="Where the outside reaches us, `https://…`; operators are told to call back there.")
    ]
    port: Annotated[int, Field(ge=1, le=65535, description="The port that `gateway run` listens on.")] = 8000
    bind: Annotated[str, Field(description="The address that `gateway run` listens on.")] = "127.0.0.1"
    web_workers: Annotated[int, Field(ge=1, le=64, description="Web processes of `gateway run`.")] = 2
    web_threads: Annotated[int, Field(ge=1, le=64, description="Threads in each web process.")] = 4

    default_language: Annotated[
        Literal["fr", "en", "rn", "sw"], Field(description="Spoken where nobody has chosen another.")
    ] = "fr"
    default_country: Annotated[
        str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 country of organisations that name none.")
    ] = "BJ"
    currency: Annotated[str, Field(description="ISO 4217 currency of organisations that name none.")] = "XOF"
    time_zone: Annotated[str, Field(description="IANA time zone of organisations that name none.")] = (
        "Africa/Porto-Novo"
    )

    africastalking_username: Annotated[
        str, Field(description="Africa's Talking user; `sandbox` selects its sandbox.")
    ] = ""
    africastalking_api_key: Annotated[SecretStr, Field(description="Africa's Talking API key.")] = SecretStr("")
    africastalking_sender_id: Annotated[
        str, Field(max_length=11, description="Alphanumeric sender of SMS, when the network has registered one.")
    ] = ""
    africastalking_base_url: Annotated[str, Field(description="The SDK's API host; empty for the real one.")] = ""

    smpp_host: Annotated[
        str,
        Field(
            pattern=r"^[\w.:-]*$",
            description="The host of a message centre or aggregator that speaks SMPP 3.4; empty: there is none.",
        ),
    ] = ""
    smpp_port: Annotated[int, Field(ge=1, le=65535, description="Its port.")] = 2775
    smpp_system_id: Annotated[
        str, Field(max_length=15, pattern=r"^[ -~]*$", description="As whom we bind to it: its `system_id`.")
    ] = ""
    smpp_password: Annotated[
        SecretStr, Field(max_length=8, description="The password of that; SMPP allows 8 characters.")
    ] = SecretStr("")
    smpp_system_type: Annotated[
        str, Field(max_length=12, pattern=r"^[ -~]*$", description="Its `system_type`, where it asks for one.")
    ] = ""
    smpp_sender: Annotated[
        str,
        Field(
            pattern=r"^(\+[0-9]{7,15}|[0-9]{1,8}|[A-Za-z0-9 ._&-]{1,11})?$",
            description="From whom SMS come: a registered name, a short code, or a number with its `+`. Empty: as the "
            "centre has it.",
        ),
    ] = ""
    smpp_tls: Annotated[
        bool,
        Field(
            description="Whether the line is TLS. Where it isn't, texts and numbers can be read on the way: for use "
            "inside a VPN, or with a stand-in."
        ),
    ] = True
    smpp_price: Annotated[
        Decimal,
        Field(
            ge=0,
            le=10_000,
            description="What it bills for one part, in CURRENCY; its answers don't say it. 0: unknown.",
        ),
    ] = Decimal(0)
    smpp_ids: Annotated[
        Literal["same", "hex-decimal", "decimal-hex"],
        Field(
            description="How it writes a message's id in its answer and in its receipts: `same`, or one of them in "
            "hexadecimal: `hex-decimal`, `decimal-hex`."
        ),
    ] = "same"
    smpp_no_credit_statuses: Annotated[
        str,
        Field(
            pattern=r"^(0x[0-9A-Fa-f]{1,8}(,0x[0-9A-Fa-f]{1,8})*)?$",
            description="The `command_status` by which it says that credit has run out, e.g. `0x401,0x511`: SMPP has "
            "none for that, its documents name it.",
        ),
    ] = ""
    sms_first: Annotated[
        Literal["africastalking", "smpp"],
        Field(description="Which aggregator gets SMS first, where there are two; the other steps in."),
    ] = "africastalking"

    mtn_momo_api_user: Annotated[str, Field(description="MTN MoMo Collections API user (a UUID).")] = ""
    mtn_momo_api_key: Annotated[SecretStr, Field(description="MTN MoMo Collections API key.")] = SecretStr("")
    mtn_momo_subscription_key: Annotated[
        SecretStr, Field(description="MTN MoMo subscription key of the Collections product.")
    ] = SecretStr("")
    mtn_momo_target_environment: Annotated[
        str,
        Field(
            pattern=r"^(sandbox|mtn[a-z]+)?$",
            description="`sandbox`, or the country's, e.g. `mtnbenin`; there is no default once there are keys. "
            "The sandbox knows EUR and its own test numbers, and its money is play money.",
        ),
    ] = ""
    mtn_momo_disbursement_api_user: Annotated[
        str, Field(description="MTN MoMo Disbursements API user (a UUID), by which approved refunds are paid back.")
    ] = ""
    mtn_momo_disbursement_api_key: Annotated[SecretStr, Field(description="MTN MoMo Disbursements API key.")] = (
        SecretStr("")
    )
    mtn_momo_disbursement_subscription_key: Annotated[
        SecretStr, Field(description="MTN MoMo subscription key of the Disbursements product.")
    ] = SecretStr("")
    mtn_momo_base_url: Annotated[
        str, Field(description="MTN MoMo's host; production's is given at go-live, the sandbox's is known.")
    ] = "https://sandbox.momodeveloper.mtn.com"

    pawapay_api_token: Annotated[SecretStr, Field(description="pawaPay API token, of one environment.")] = SecretStr("")
    pawapay_base_url: Annotated[
        str,
        Field(
            description="pawaPay's host: `https://api.pawapay.io`, or `https://api.sandbox.pawapay.io` for trials with "
            "play money; there is no default once there is a token."
        ),
    ] = ""
    pawapay_signed_callbacks: Annotated[
        bool,
        Field(
            description="Refuse callbacks of pawaPay's that aren't signed. Set it once signing is on in its dashboard."
        ),
    ] = False
    pawapay_callback_keys_file: Annotated[
        str,
        Field(
            description='A JSON file `[{"id": …, "key": PEM}, …]` of the only keys that sign callbacks; empty to '
            "ask pawaPay for them."
        ),
    ] = ""
    pawapay_signing_key_file: Annotated[
        str, Field(description="A PEM file with an EC P-256 private key: deposits and refunds are signed with it.")
    ] = ""
    pawapay_signing_key_id: Annotated[
        str,
        Field(
            pattern=r"^[\x21-\x7e]{0,100}$",
            description="The name under which pawaPay's dashboard has that key's public half.",
        ),
    ] = ""

    airtel_money_client_id: Annotated[str, Field(description="Airtel Money client id of the Collections product.")] = ""
    airtel_money_client_secret: Annotated[SecretStr, Field(description="Airtel Money client secret.")] = SecretStr("")
    airtel_money_country: Annotated[
        str,
        Field(
            pattern=r"^([A-Z]{2})?$", description="ISO 3166 country whose Airtel wallets the merchant account is for."
        ),
    ] = ""
    airtel_money_sign: Annotated[
        bool, Field(description="Sign payments (Airtel's message signing, version 2), where the account asks for it.")
    ] = False
    airtel_money_base_url: Annotated[
        str,
        Field(
            description="Airtel Money's host: `https://openapi.airtel.africa`, `https://openapiuat.airtel.africa` for "
            "trials with play money; some countries have their own."
        ),
    ] = ""

    orange_money_client_id: Annotated[str, Field(description="Orange Money client id of the Web Payment API.")] = ""
    orange_money_client_secret: Annotated[SecretStr, Field(description="Orange Money client secret.")] = SecretStr("")
    orange_money_merchant_key: Annotated[SecretStr, Field(description="Orange Money merchant key.")] = SecretStr("")
    orange_money_country: Annotated[
        str,
        Field(
            pattern=r"^(dev|[a-z]{2})?$",
            description="The country in Orange's addresses, e.g. `gn`, `ml`, `sn`; `dev` is its trial with play money.",
        ),
    ] = ""
    orange_money_base_url: Annotated[str, Field(description="Orange's API host.")] = "https://api.orange.com"

    gsma_api_key: Annotated[
        SecretStr, Field(description="X-API-Key of an operator that offers the GSMA Mobile Money API.")
    ] = SecretStr("")
    gsma_client_id: Annotated[str, Field(description="X-Client-Id there, if the operator gave one.")] = ""
    gsma_payee: Annotated[
        str,
        Field(
            pattern=r"^([a-z]+:[A-Za-z0-9+._@-]{1,200})?$",
            description="The account there that is paid, as `type:value`, e.g. `organisationid:4711`.",
        ),
    ] = ""
    gsma_environment: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9-]*$",
            description="The word by which the plan of operators (OPERATORS_FILE) names that operator.",
        ),
    ] = ""
    gsma_base_url: Annotated[
        str, Field(description="The operator's address of the GSMA Mobile Money API 1.2, with its path.")
    ] = ""

    mpesa_api_key: Annotated[
        SecretStr, Field(description="M-Pesa OpenAPI key of the application on Vodacom's portal (DRC).")
    ] = SecretStr("")
    mpesa_public_key: Annotated[
        str, Field(description="M-Pesa OpenAPI public key of that environment, in base64 as the portal shows it.")
    ] = ""
    mpesa_service_provider_code: Annotated[
        str, Field(pattern=r"^([0-9A-Za-z]{4,12})?$", description="The M-Pesa short code that is paid.")
    ] = ""
    mpesa_environment: Annotated[
        Literal["", "sandbox", "openapi"],
        Field(
            description="`openapi` for real money, `sandbox` for play money; there is no default once there are keys."
        ),
    ] = ""
    mpesa_origin: Annotated[
        str, Field(description="The Origin header; must be what the application on M-Pesa's portal has, `*` for any.")
    ] = "*"
    mpesa_session_live_after_s: Annotated[
        float, Field(ge=0, le=300, description="Seconds that M-Pesa may take until a new session is taken as valid.")
    ] = 30.0
    mpesa_push_timeout_s: Annotated[
        float,
        Field(
            ge=5,
            le=60,
            description="Seconds that M-Pesa's call may block while the payer types the PIN; a worker waits with it. "
            "What takes longer is looked up, so a shorter time loses nothing but the call's own answer.",
        ),
    ] = 60.0
    mpesa_base_url: Annotated[str, Field(description="M-Pesa OpenAPI's host.")] = "https://openapi.m-pesa.com"

    daraja_consumer_key: Annotated[str, Field(description="Daraja (M-Pesa, Safaricom) consumer key.")] = ""
    daraja_consumer_secret: Annotated[SecretStr, Field(description="Daraja consumer secret.")] = SecretStr("")
    daraja_short_code: Annotated[
        str, Field(pattern=r"^([0-9]{5,7})?$", description="The pay bill number that is paid by M-Pesa Express.")
    ] = ""
    daraja_passkey: Annotated[SecretStr, Field(description="M-Pesa Express passkey of that pay bill number.")] = (
        SecretStr("")
    )
    daraja_base_url: Annotated[
        str,
        Field(
            description="Daraja's host: `https://api.safaricom.co.ke`, or `https://sandbox.safaricom.co.ke` for trials "
            "with play money."
        ),
    ] = ""

    quiet_from: Annotated[
        int,
        Field(
            ge=0,
            le=23,
            description="The hour of the day from which reminders and treasurers' confirmations wait, where a mutuelle "
            "says nothing.",
        ),
    ] = 20
    quiet_until: Annotated[
        int, Field(ge=0, le=23, description="The hour until which they wait; the same hour: they never do.")
    ] = 7
    sms_per_second: Annotated[
        float,
        Field(gt=0, le=10_000, description="SMS a second that each aggregator takes of us, counted over all workers."),
    ] = 30.0
    sms_recipients: Annotated[
        int, Field(ge=1, le=1000, description="How many numbers one request to the aggregator may name.")
    ] = 100
    sms_price: Annotated[
        Decimal,
        Field(
            ge=0,
            le=10_000,
            description="What one part of an SMS costs, in CURRENCY, until the aggregator's own answers say it.",
        ),
    ] = Decimal(0)
    receipts_after_stop: Annotated[
        bool,
        Field(
            description="Who stopped SMS still gets receipts and what concerns their money and household; without it, "
            "only answers to what they asked themselves."
        ),
    ] = True

    dhis2_base_url: Annotated[
        str,
        Field(description="A DHIS2 server that indicators are sent to, `https://…` without its `/api`; empty: none."),
    ] = ""
    dhis2_token: Annotated[
        SecretStr,
        Field(
            max_length=240,
            description="A personal access token there (`d2pat_…`), of a user who may import data values; or that "
            "user's `name:password`.",
        ),
    ] = SecretStr("")

    webhooks_to_private_addresses: Annotated[
        bool,
        Field(
            description="Webhooks may go to this network's own addresses, and over http. For trials only: whoever may "
            "add one could reach what only this machine can."
        ),
    ] = False

    operators_file: Annotated[
        str, Field(description="A TOML file that replaces the built-in plan of countries, prefixes and operators.")
    ] = ""
    ussd_septets: Annotated[
        int, Field(ge=80, le=182, description="Septets that a screen may have, where its service code says nothing.")
    ] = 160
    ussd_calls_kept_days: Annotated[
        int,
        Field(ge=1, le=3650, description="Days for which counted calls and what they cost are kept for the report."),
    ] = 400
    push_delay_s: Annotated[
        float,
        Field(
            ge=0,
            le=30,
            description="Seconds between the end of the menu and the operator's PIN prompt, which can't open over it.",
        ),
    ] = 2.0
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="The least level that is logged.")
    ] = "INFO"
    ussd_phone_page: Annotated[
        bool,
        Field(
            description="Serve `/phone`, a basic phone in the browser. For trials only: there is no login, so whoever "
            "reaches the page can act as any phone number, read its SMS and ask its wallet for money. "
            "Always on in the demonstration.",
        ),
    ] = False
    demo: Annotated[bool, Field(description="Set by `gateway demo` alone: stand-ins and a movable clock.")] = False
    demo_clock: Annotated[
        str, Field(description="Demo only: the file that holds by how many seconds the clock is shifted.")
    ] = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings)

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str) -> str:
        if not re.match(r"^(postgres(ql)?(\+psycopg)?|sqlite):/", url):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        try:
            make_url(url)
        except (ArgumentError, ValueError):
            raise ValueError("can't be read as an address") from None
        return re.sub(r"^postgres(ql)?(\+psycopg)?:", "postgresql+psycopg:", url)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str) -> str:
        if not re.match(r"^(rediss?|unix)://", url):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url

    @field_validator("secret_key")
    @classmethod
    def _secret_key(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return key

    @field_validator("webhook_secret", "webhook_secret_before")
    @classmethod
    def _webhook_secret(cls, secret: SecretStr, told: ValidationInfo) -> SecretStr:
        without = told.field_name == "webhook_secret_before" and not secret.get_secret_value()
        if not without and not re.fullmatch(r"[A-Za-z0-9_-]{16,}", secret.get_secret_value()):
            raise ValueError("must have at least 16 characters of A-Z a-z 0-9 _ -")
        return secret

    @field_validator("callback_addresses")
    @classmethod
    def _callback_addresses(cls, text: str) -> str:
        read_by_name(text)
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _trusted_proxies(cls, text: str) -> str:
        read_networks(text)
        return text

    @field_validator("currency")
    @classmethod
    def _currency(cls, code: str) -> str:
        if code not in EXPONENT:
            raise ValueError(f"must be one of {', '.join(sorted(EXPONENT))}")
        return code

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("must be an IANA time zone such as Africa/Porto-Novo")
        return zone

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w.~/-]*)?", url):
            raise ValueError("must begin with https:// (or http:// towards a stand-in)")
        return url.rstrip("/")

    @field_validator(
        "africastalking_base_url",
        "mtn_momo_base_url",
        "pawapay_base_url",
        "airtel_money_base_url",
        "orange_money_base_url",
        "gsma_base_url",
        "mpesa_base_url",
        "daraja_base_url",
        "dhis2_base_url",
    )
    @classmethod
    def _url(cls, url: str) -> str:
        # Keys and numbers travel there: in clear only to this very machine.
        if url and not re.fullmatch(r"(https://[\w.:\[\]-]+|http://127\.0\.0\.1(:\d+)?)(/[\w.~/-]*)?", url):
            raise ValueError("must begin with https:// (or be http://127.0.0.1:PORT, a stand-in's)")
        return url.rstrip("/")

    @field_validator("dhis2_token")
    @classmethod
    def _token(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x20-\x7e]*", token.get_secret_value()):  # it stands in a header
            raise ValueError("has a letter that no token or password may have here")
        return token

    @classmethod
    def from_env(cls) -> Settings:
        """Read the process's environment; raises :class:`BadSettings` that names everything wrong at once."""
        return cls.of(os.environ)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Settings:
        """Read ``values``, named as in the environment."""
        known = {name.lower(): value for name, value in values.items() if name.lower() in cls.model_fields}
        known = {name: value for name, value in known.items() if value != ""}
        wrong = _at_odds({name: str(value) for name, value in known.items()})
        try:
            settings = cls.model_validate(known)
        except ValidationError as found:
            raise BadSettings("settings: " + "; ".join([*_told(found), *wrong])) from None
        if wrong:
            raise BadSettings("settings: " + "; ".join(wrong))
        return settings


def _at_odds(given: Mapping[str, str]) -> list[str]:
    """What is wrong between settings, told beside what is wrong with each."""
    wrong = []
    demo = given.get("demo", "").lower() in ("1", "true", "t", "yes", "y", "on")
    public_url = given.get("public_url", "")
    if given.get("demo_clock") and not demo:
        wrong.append("DEMO_CLOCK belongs to the demonstration: it may not be set without DEMO")
    if re.match(r"http://(?!127\.0\.0\.1(:\d+)?/?$)", public_url) and not demo:
        wrong.append("PUBLIC_URL must begin with https://")
    if bool(given.get("mtn_momo_api_user")) != bool(given.get("mtn_momo_api_key")):
        wrong.append("MTN_MOMO_API_USER and MTN_MOMO_API_KEY go together")
    elif given.get("mtn_momo_api_user") and not given.get("mtn_momo_subscription_key"):
        wrong.append("MTN_MOMO_SUBSCRIPTION_KEY is missing")
    elif given.get("mtn_momo_api_user") and not given.get("mtn_momo_target_environment"):
        wrong.append("MTN_MOMO_TARGET_ENVIRONMENT is missing")
    if given.get("mtn_momo_target_environment", "sandbox") != "sandbox" and not given.get("mtn_momo_base_url"):
        wrong.append("MTN_MOMO_BASE_URL is missing")
    disbursement = ("api_user", "api_key", "subscription_key")
    wrong += _incomplete(given, "mtn_momo", tuple(f"disbursement_{one}" for one in disbursement))
    wrong += _incomplete(given, "pawapay", ("api_token", "base_url"))
    wrong += _incomplete(given, "pawapay", ("signing_key_file", "signing_key_id"))
    wrong += _incomplete(given, "airtel_money", ("client_id", "client_secret", "country", "base_url"))
    wrong += _incomplete(given, "orange_money", ("client_id", "client_secret", "merchant_key", "country"))
    wrong += _incomplete(given, "gsma", ("api_key", "payee", "environment", "base_url"))
    wrong += _incomplete(given, "mpesa", ("api_key", "public_key", "service_provider_code", "environment"))
    wrong += _incomplete(given, "daraja", ("consumer_key", "consumer_secret", "short_code", "passkey", "base_url"))
    wrong += _incomplete(given, "dhis2", ("base_url", "token"))
    if bool(given.get("africastalking_username")) != bool(given.get("africastalking_api_key")):
        wrong.append("AFRICASTALKING_USERNAME and AFRICASTALKING_API_KEY go together")
    wrong += _incomplete(given, "smpp", ("host", "system_id", "password"))
    if given.get("sms_first") == "smpp" and not given.get("smpp_host"):
        wrong.append("SMS_FIRST is smpp, and SMPP_HOST is missing")
    for name in ("operators_file", "pawapay_callback_keys_file", "pawapay_signing_key_file"):
        if given.get(name) and not Path(given[name]).is_file():
            wrong.append(f"{name.upper()} {given[name]} doesn't exist")
    return wrong


def _incomplete(given: Mapping[str, str], provider: str, needed: tuple[str, ...]) -> list[str]:
    """What is missing of the settings of ``provider`` that go together, unless none of them is there."""
    missing = [name for name in needed if not given.get(f"{provider}_{name}")]
    return [] if len(missing) == len(needed) else [f"{provider}_{name}".upper() + " is missing" for name in missing]


def _told(found: ValidationError) -> list[str]:
    lines = []
    for error in found.errors():
        name = ".".join(str(part) for part in error["loc"]).upper()
        message = error["msg"].removeprefix("Value error, ")
        lines.append(f"{name} is missing" if error["type"] == "missing" else f"{name} {message}")
    return lines
