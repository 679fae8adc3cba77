"""What FHIR answers are wrapped in: bundles of what was found, outcomes of what went wrong, and what is understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from gateway import __version__
from gateway.exchange.fhir.resources import Names, Resource

CONTENT_TYPE = "application/fhir+json"

# Of http://hl7.org/fhir/R4/valueset-issue-type.html, those that are used here.
IssueCode = Literal[
    "invalid",
    "not-found",
    "not-supported",
    "forbidden",
    "login",
    "throttled",
    "too-long",
    "exception",
    "transient",
    "business-rule",
]


def outcome(issues: Iterable[tuple[IssueCode, str]]) -> Resource:
    """An ``OperationOutcome``: each thing that went wrong, with its kind, in plain words."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": text} for code, text in issues],
    }


def searchset(
    names: Names,
    kind: str,
    asked: Mapping[str, str],
    found: Sequence[Resource],
    next_page: str | None,
    total: int | None,
) -> Resource:
    """The ``Bundle`` of a page of what was found; ``total`` where it is known without counting."""

    def link(relation: str, query: Mapping[str, str]) -> Resource:
        tail = f"?{urlencode(query)}" if query else ""
        return {"relation": relation, "url": f"{names.base}/{kind}{tail}"}

    links = [link("self", asked)]
    if next_page is not None:
        links.append(link("next", {**asked, "page": next_page}))
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if total is not None:
        bundle["total"] = total
    if found:
        bundle["entry"] = [
            {"fullUrl": names.of(kind, each["id"]), "resource": each, "search": {"mode": "match"}} for each in found
        ]
    return bundle


# What each kind of resource can be searched by; every search also takes _count and, to go on, page.
SEARCHES: Mapping[str, Mapping[str, str]] = {
    "Patient": {"_id": "token", "identifier": "token"},
    "Group": {"_id": "token", "identifier": "token"},
    "Coverage": {"_id": "token", "identifier": "token", "beneficiary": "reference", "patient": "reference"},
}


CAPABLE_SINCE = "2026-11-23"  # when what is understood changed last


def capability(names: Names) -> Resource:
    """The ``CapabilityStatement``: what can be read, searched and asked here."""
    resources: list[Resource] = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": name, "type": form} for name, form in params.items()],
        }
        for kind, params in SEARCHES.items()
    ]
    resources.append(
        {
            "type": "CoverageEligibilityRequest",
            "interaction": [{"code": "create"}],
            "documentation": "Answered at once with a CoverageEligibilityResponse; nothing is kept.",
        }
    )
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": CAPABLE_SINCE,
        "kind": "instance",
        "software": {"name": "Cotisa", "version": __version__},
        "implementation": {"description": "Members of health mutuelles and their cover", "url": names.base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A key of the office's, as Authorization: Bearer."},
                "resource": resources,
            }
        ],
    }


def _moment(now: datetime) -> str:
    return now.replace(microsecond=0).isoformat()


def collection(names: Names, found: Iterable[tuple[str, Resource]], now: datetime) -> Resource:
    """A ``Bundle`` of type *collection*: resources of several kinds, as they stood at a moment."""
    bundle: Resource = {"resourceType": "Bundle", "type": "collection", "timestamp": _moment(now)}
    entries = [{"fullUrl": names.of(kind, each["id"]), "resource": each} for kind, each in found]
    return bundle | ({"entry": entries} if entries else {})
