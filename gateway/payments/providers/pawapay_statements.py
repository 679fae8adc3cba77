"""pawaPay's statement of one of its wallets: asked for, waited for, and brought into a file as it is, unread.

Documented (docs.pawapay.io, v2, "Statements", "Check statement status"):

* A wallet is a country and a currency, and an operator where pawaPay keeps one for each.
* A statement is of 31 days at most, and up to an hour behind; pawaPay makes it when it is asked, and gives it an id.
* It is PROCESSING, then COMPLETED or FAILED. What is COMPLETED lies at an address of its own that is good for a day.

Assumed: the moments that it is asked for are UTC, for they bear no offset and its lines are UTC; its end doesn't belong
to it; asking again only makes another. A status that is of another wallet or of other days is not believed.

No money hangs on any of this: whatever goes wrong is one line, in pawaPay's words where it has any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import requests
import urllib3.exceptions

from gateway.kernel.atomic import require_outside
from gateway.kernel.faults import Fault
from gateway.payments.providers.common import UNDECIDED, json_body, leave_alone_s, may_call, part, read_uuid
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.payments.providers.pawapay import PawaPay
from gateway.payments.providers.pawapay_toolkit import JSON
from gateway.payments.providers.pawapay_words import COUNTRIES, claimed, said
from gateway.payments.statements.files import MAX_BYTES
from gateway.settings import Settings

STATEMENTS = "/v2/statements"
MOST_DAYS = 31
LATE = timedelta(hours=1)  # by which what it says of the present may be behind

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0  # between two looks: twice as long each time
DOWNLOAD_TIMEOUT_S = 900.0  # a slow line brings 512 MB in it at 600 kB/s; a statement is a hundredth of that
MOST_REDIRECTS = 3
_CHUNK = 1 << 16


class NotFetched(Fault):
    """A statement was not brought; its text says why in one line."""


@dataclass(frozen=True)
class Wanted:
    """Which statement: of the wallet of a country (ISO alpha-2) and a currency, from one moment until another.

    ``operator`` is pawaPay's code of one, where it keeps a wallet for each; ``until_at`` doesn't belong to it.
    """

    country: str
    currency: str
    operator: str | None
    from_at: datetime
    until_at: datetime


class FetchesStatements(Protocol):
    """Brings an operator's own statement into a file."""

    def fetch(self, wanted: Wanted, to: Path, wait_s: float, waiting: Callable[[int], None] = ...) -> None:
        """Ask for a statement, wait up to ``wait_s`` seconds until it is made, and write it ``to`` a file.

        ``waiting`` is told for how many seconds it has been waited. Raises :class:`NotFetched`.
        """


def pieces(first: date, last: date) -> Iterator[tuple[date, date]]:
    """A span of days, both counted, as spans that a statement can be of, the oldest first."""
    while first <= last:
        until = min(last, first + timedelta(days=MOST_DAYS - 1))
        yield first, until
        first = until + timedelta(days=1)


def moments(days: tuple[date, date], zone: str) -> tuple[datetime, datetime]:
    """When the first of some days begins where the mutuelle is, and when the last one is over."""
    from_day, until_day = days[0], days[1] + timedelta(days=1)
    begins, ends = (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) for day in (from_day, until_day))
    return begins.astimezone(UTC), ends.astimezone(UTC)


class PawaPayStatements:
    """The statements of one account with pawaPay; see :class:`FetchesStatements`."""

    def __init__(
        self,
        *,
        api_token: str,
        base_url: str,
        callback_url: str,
        max_bytes: int = MAX_BYTES,
        first_pause_s: float = FIRST_PAUSE_S,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
    ) -> None:
        """Make no call yet. ``callback_url`` is told that a statement is made, as pawaPay demands; nobody waits for it.

        ``max_bytes`` is as large as a download may be. From a stand-in on this machine it may come by plain HTTP.
        """
        self._headers = {"Authorization": f"Bearer {api_token}"}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._callback_url, self._max_bytes, self._first_pause_s = callback_url, max_bytes, first_pause_s
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._plain_here = base_url.startswith("http:")

    @classmethod
    def from_settings(cls, settings: Settings) -> PawaPayStatements:
        """Those of the account that the ``PAWAPAY_*`` settings describe; :class:`Fault` where they describe none."""
        token = settings.pawapay_api_token.get_secret_value()
        if not token:
            raise Fault("pawaPay isn't connected: set PAWAPAY_API_TOKEN and PAWAPAY_BASE_URL")
        callback_url = PawaPay.from_settings(settings).callback_url
        return cls(api_token=token, base_url=settings.pawapay_base_url, callback_url=callback_url)

    def fetch(self, wanted: Wanted, to: Path, wait_s: float, waiting: Callable[[int], None] = lambda _: None) -> None:
        """Bring a statement, packed, ``to`` a file; nothing of it is read."""
        asked = self._asked(wanted)
        self._download(self._made(self._ask(asked), asked, wait_s, waiting), to)

    # Asking and waiting

    def _asked(self, wanted: Wanted) -> dict[str, Any]:
        country = COUNTRIES.get(wanted.country)
        if country is None:
            raise NotFetched(f"pawaPay has no wallet in {wanted.country}")
        wallet = {"country": country, "currency": wanted.currency}
        return {
            "wallet": wallet | ({"provider": wanted.operator} if wanted.operator else {}),
            "startDate": f"{wanted.from_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "endDate": f"{wanted.until_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "callbackUrl": self._callback_url,
            "compressed": True,
        }

    def _ask(self, asked: Mapping[str, Any]) -> str:
        """The id of the statement that is being made."""
        headers = {**self._headers, **JSON}
        answer = self._http.call("pawapay", "POST", STATEMENTS, headers, json_body(asked), reading=True)
        if not isinstance(answer, Answer):
            raise NotFetched(f"pawaPay wasn't reached: {answer.said}: run it again")
        found = answer.fields()
        its_id = read_uuid(found.get("statementId"))
        if answer.status != 200 or found.get("status") == "REJECTED":
            raise NotFetched(f"pawaPay refuses the statement: {said(answer)}")
        if found.get("status") != "ACCEPTED" or its_id is None:
            raise NotFetched(f"pawaPay answers what isn't known when asked for a statement: {said(answer)}")
        return its_id

    def _made(self, its_id: str, asked: Mapping[str, Any], wait_s: float, waiting: Callable[[int], None]) -> str:
        """The address of a statement, once it is made."""
        begun, pause_s = time.monotonic(), self._first_pause_s
        while True:
            answer = self._http.call("pawapay", "GET", f"{STATEMENTS}/{its_id}", self._headers)
            address = _address_in(answer, its_id, asked)
            if address is not None:
                return address
            waited_s = time.monotonic() - begun
            waiting(int(waited_s))
            if waited_s >= wait_s:
                words = said(answer) if isinstance(answer, Answer) else answer.said
                raise NotFetched(f"pawaPay hasn't made the statement in {wait_s:.0f} s ({words}): wait for longer")
            left_alone_s = (leave_alone_s(answer) or 0.0) if isinstance(answer, Answer) else 0.0
            time.sleep(min(max(pause_s, left_alone_s), wait_s - waited_s))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    # Bringing it

    def _download(self, address: str, to: Path) -> None:
        """Write what lies at an address to a file; our token goes nowhere but to pawaPay's own host."""
        require_outside("pawapay")
        end = time.monotonic() + DOWNLOAD_TIMEOUT_S
        for _ in range(1 + MOST_REDIRECTS):
            try:
                if not may_call(address, self._plain_here):
                    raise NotFetched("pawaPay's statement lies at an address without https: it was not downloaded")
                with requests.Session() as session:
                    session.trust_env = urlsplit(address).scheme == "https"  # no proxy between us and a stand-in
                    with session.get(
                        address,
                        headers={"Accept-Encoding": "identity"},
                        timeout=self._timeouts_s,
                        allow_redirects=False,
                        stream=True,
                        auth=lambda request: request,  # nor a password of ~/.netrc
                    ) as response:
                        if response.is_redirect:
                            address = urljoin(address, response.headers["Location"])
                            continue
                        if response.status_code != 200:
                            why = f"its address answers {response.status_code}, and may have run out: run it again"
                            raise NotFetched(f"pawaPay's statement can't be downloaded: {why}")
                        self._save(response, to, end)
                        return
            # Their own words would have the address, which is as good as a password.
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as failure:
                why = f"the line broke off ({type(failure).__name__})"
                raise NotFetched(f"pawaPay's statement can't be downloaded: {why}: run it again") from None
            except ValueError:
                raise NotFetched("pawaPay's statement lies at what is no address: it was not downloaded") from None
            except OSError as refused:
                raise NotFetched(f"pawaPay's statement can't be kept: {refused.strerror}") from None
        raise NotFetched(f"pawaPay's statement can't be downloaded: more than {MOST_REDIRECTS} redirections")

    def _save(self, response: requests.Response, to: Path, end: float) -> None:
        size = 0
        with to.open("wb") as file:
            # As it is sent: what is packed is unpacked where statements are read, within the same limit.
            while piece := response.raw.read(_CHUNK, decode_content=False):
                size += len(piece)
                if size > self._max_bytes:
                    raise NotFetched(
                        f"pawaPay's statement is larger than {self._max_bytes >> 20} MB: ask for fewer days"
                    )
                if time.monotonic() > end:
                    raise NotFetched(
                        f"pawaPay's statement took more than {DOWNLOAD_TIMEOUT_S:.0f} s: ask for fewer days"
                    )
                file.write(piece)


def _address_in(answer: Answer | Unreached | NoAnswer, its_id: str, asked: Mapping[str, Any]) -> str | None:
    """Where a statement lies, by what its status says; None while that isn't known. Raises :class:`NotFetched`."""
    if not isinstance(answer, Answer) or answer.status in UNDECIDED:
        return None
    found = answer.fields()
    data = part(found, "data")
    match answer.status, found.get("status"), data.get("status"):
        case 200, "NOT_FOUND", _:
            return None  # what was accepted a moment ago need not be found yet
        case 200, "FOUND", "PROCESSING" | "COMPLETED" if not _is_of(data, its_id, asked):
            raise NotFetched("pawaPay speaks of another statement than it was asked for")
        case 200, "FOUND", "PROCESSING":
            return None
        case 200, "FOUND", "COMPLETED" if isinstance(data.get("downloadUrl"), str):
            return str(data["downloadUrl"])
        case 200, "FOUND", "FAILED":
            raise NotFetched(f"pawaPay couldn't make the statement: {claimed(data)}: run it again")
        case _:
            words = claimed(data) if data else said(answer)
            raise NotFetched(f"pawaPay says of the statement what isn't known: {words}")


def _is_of(data: Mapping[str, Any], its_id: str, asked: Mapping[str, Any]) -> bool:
    """Whether a status is that of the statement that was asked for, of its wallet and its days."""
    wallet = {name: value for name, value in part(data, "wallet").items() if value}
    days = [str(data.get(name))[: len(asked[name])] for name in ("startDate", "endDate")]
    return (read_uuid(data.get("statementId")), wallet, days) == (
        its_id,
        asked["wallet"],
        [asked["startDate"], asked["endDate"]],
    )
