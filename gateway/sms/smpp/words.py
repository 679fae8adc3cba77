"""What a message centre's status codes and delivery receipts mean: SMPP 3.4 (issue 1.2), §5.1.3, §5.2.28, appendix B.

A negative answer says that the message was not accepted. Where centres give one for troubles of their own (a system
error, an unknown one, a code that isn't in the standard), what became of the message is not known, and it is called so.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from gateway.kernel.masking import mask_text
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.sms.port import UNTIL_SOMEBODY_ACTS, Answer, News, Refused, Report, TryAgain, Unsure
from gateway.sms.smpp.letters import from_octets

log = logging.getLogger(__name__)

NAME = "smpp"
SOON = timedelta(seconds=30)
ID_CHARACTERS = 64

# --- answers to a text ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """A status that isn't success: what follows from it, and whether somebody must act."""

    word: str
    then: Refused | TryAgain | Unsure
    loud: bool = False


_SENDER = TryAgain("invalid_sender", UNTIL_SOMEBODY_ACTS)
_OURS = Refused("bad_request")  # what we wrote is not to this centre's liking: a defect of ours, or a setting
_NUMBER = Refused("bad_number")

STATUSES = {
    0x01: Status("ESME_RINVMSGLEN", _OURS, loud=True),
    0x02: Status("ESME_RINVCMDLEN", _OURS, loud=True),
    0x03: Status("ESME_RINVCMDID", _OURS, loud=True),
    0x04: Status("ESME_RINVBNDSTS", TryAgain("not_bound", SOON)),
    0x06: Status("ESME_RINVPRTFLG", _OURS, loud=True),
    0x07: Status("ESME_RINVREGDLVFLG", _OURS, loud=True),
    0x08: Status("ESME_RSYSERR", Unsure("system_error", NAME)),
    0x0A: Status("ESME_RINVSRCADR", _SENDER, loud=True),
    0x0B: Status("ESME_RINVDSTADR", _NUMBER),
    0x0E: Status("ESME_RINVPASWD", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    0x0F: Status("ESME_RINVSYSID", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    0x14: Status("ESME_RMSGQFUL", TryAgain("queue_full", SOON)),
    0x15: Status("ESME_RINVSERTYP", _OURS, loud=True),
    0x43: Status("ESME_RINVESMCLASS", _OURS, loud=True),
    0x45: Status("ESME_RSUBMITFAIL", TryAgain("aggregator_error", SOON)),
    0x48: Status("ESME_RINVSRCTON", _SENDER, loud=True),
    0x49: Status("ESME_RINVSRCNPI", _SENDER, loud=True),
    0x50: Status("ESME_RINVDSTTON", _NUMBER),
    0x51: Status("ESME_RINVDSTNPI", _NUMBER),
    0x58: Status("ESME_RTHROTTLED", TryAgain("throttled", SOON)),
    0x64: Status("ESME_RX_T_APPN", TryAgain("aggregator_error", SOON)),
    0x65: Status("ESME_RX_P_APPN", Refused("not_accepted")),
    0x66: Status("ESME_RX_R_APPN", Refused("not_accepted")),
    0xC0: Status("ESME_RINVOPTPARSTREAM", _OURS, loud=True),
    0xC1: Status("ESME_ROPTPARNOTALLWD", _OURS, loud=True),
    0xC2: Status("ESME_RINVPARLEN", _OURS, loud=True),
    0xC3: Status("ESME_RMISSINGOPTPARAM", _OURS, loud=True),
    0xC4: Status("ESME_RINVOPTPARAMVAL", _OURS, loud=True),
    0xFF: Status("ESME_RUNKNOWNERR", Unsure("unknown_error", NAME)),
}
_NO_CREDIT = Status("out of credit", TryAgain("no_credit", UNTIL_SOMEBODY_ACTS), loud=True)

# Why a bind was refused; any other status: it may be taken later.
BIND_STATUSES = {
    0x05: Status("ESME_RALYBND", TryAgain("already_bound", SOON), loud=True),
    0x0D: Status("ESME_RBINDFAIL", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    0x0E: STATUSES[0x0E],
    0x0F: STATUSES[0x0F],
    0x53: Status("ESME_RINVSYSTYP", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    0x58: STATUSES[0x58],
}
_NOT_NOW = Status("the bind was refused", TryAgain("unavailable", SOON))


def read_status(status: int, no_credit: frozenset[int]) -> Answer:
    """What follows from a text's negative answer; ``no_credit`` are the codes by which this centre says that.

    The standard has no code for credit: each centre has its own.
    """
    known = _NO_CREDIT if status in no_credit else STATUSES.get(status)
    if known is None:
        log.error("the SMPP centre answered 0x%X, of which nothing follows that we know", status)
        return Unsure(f"status_0x{status:X}"[:40], NAME)
    _tell(known, status)
    return known.then


def read_bind_status(status: int) -> TryAgain:
    """What follows from a bind that was refused: nothing was sent, so everything may be handed over again."""
    known = BIND_STATUSES.get(status, _NOT_NOW)
    _tell(known, status)
    assert isinstance(known.then, TryAgain)
    return known.then


def _tell(status: Status, code: int) -> None:
    log.log(logging.ERROR if status.loud else logging.WARNING, "the SMPP centre: %s (0x%X)", status.word, code)


# --- what a centre delivers to us -------------------------------------------------------------------------------------

# ``message_state`` and the words of a receipt's text.
STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
NEWS = {
    "ENROUTE": News.ON_ITS_WAY,
    "ACCEPTD": News.ON_ITS_WAY,
    "BUFFRED": News.ON_ITS_WAY,
    "DELIVRD": News.DELIVERED,
    "EXPIRED": News.FAILED,
    "DELETED": News.FAILED,
    "UNDELIV": News.FAILED,
    "REJECTD": News.FAILED,
    "FAILED": News.FAILED,
    "UNKNOWN": News.UNKNOWN,
}
_FAILURES = {"EXPIRED": "absent", "UNDELIV": "delivery_failure", "FAILED": "delivery_failure",
             "DELETED": "deleted", "REJECTD": "rejected_by_gateway"}  # fmt: skip

_RECEIPT = 0x3C  # of esm_class: any of these bits, and it is no text of a person
_FIELD = re.compile(r"\b(id|stat|err):[ ]?([^\s:]+)", re.IGNORECASE)

# How a centre writes its ids, in its answer and in its receipts: "same", or the one in hexadecimal.
IDS = ("same", "hex-decimal", "decimal-hex")


@dataclass(frozen=True)
class Delivered:
    """A ``deliver_sm`` as we need it: addresses as written there, ``receipted`` and ``state`` where they are given."""

    sender: str
    to: str
    octets: bytes
    data_coding: int
    esm_class: int
    receipted: str = ""
    state: int | None = None

    @property
    def is_receipt(self) -> bool:
        return bool(self.esm_class & _RECEIPT) or bool(self.receipted)

    @property
    def text(self) -> str:
        """What a person wrote, without the header of a joined SMS."""
        octets = self.octets
        if self.esm_class & 0x40 and octets:
            octets = octets[1 + octets[0] :]
        if self.data_coding == 8:
            return octets.decode("utf-16-be", "replace")
        if self.data_coding in (1, 3):
            return octets.decode("latin-1")
        return from_octets(octets)


def answered_id(given: str, ids: str) -> str:
    """The id of an answer, in the form by which receipts are found."""
    return _decimal(given, 16 if ids == "hex-decimal" else 10) if ids != "same" else given[:ID_CHARACTERS]


def _receipted_id(given: str, ids: str) -> str:
    return _decimal(given, 16 if ids == "decimal-hex" else 10) if ids != "same" else given[:ID_CHARACTERS]


def _decimal(given: str, base: int) -> str:
    try:
        return str(int(given, base))[:ID_CHARACTERS]
    except ValueError:
        return given[:ID_CHARACTERS]


def read_receipt(delivered: Delivered, ids: str) -> Report | None:
    """The report in a delivery receipt; None where it names no message. A state that we don't know is kept as it is.

    ``receipted_message_id`` is the id as it was answered; the text's ``id:`` may be written in another base. A centre
    that leaves out the zero at the parameter's end has its last character read as one: then the text's is taken.
    """
    # A text may end with a zero, or hold what no column can.
    said = "".join(letter if letter.isprintable() else " " for letter in delivered.octets.decode("latin-1"))
    fields = {name.lower(): value for name, value in reversed(_FIELD.findall(said))}  # the first of each name
    if delivered.receipted and fields.get("id", "")[:-1] != delivered.receipted:
        its_id = answered_id(delivered.receipted, ids)
    elif "id" in fields:
        its_id = _receipted_id(fields["id"], ids)
    else:
        return None
    word = STATES.get(delivered.state, "") if delivered.state is not None else ""
    word = (word or fields.get("stat", "").upper())[:30]
    news = NEWS.get(word, News.UNKNOWN)
    if news is News.UNKNOWN:
        log.error("a delivery receipt says %r, which we don't know: kept, nothing follows from it", mask_text(word))
    reason = _FAILURES[word] if news is News.FAILED else None
    return Report(its_id, news, word, reason, number(delivered.sender))


def number(written: str) -> str | None:
    """The E.164 number of an address, with or without its plus; None for a name or a short code."""
    bare = written.removeprefix("+").removeprefix("00")
    try:
        return read_caller(f"+{bare}") if bare.isascii() and bare.isdigit() else None
    except BadMsisdn:
        return None
