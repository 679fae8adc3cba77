"""Whether a resource is one of FHIR R4: by the models of the FHIR library, and the codes that R4 requires."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

# Required bindings of R4 that the models don't look at: the path of an element, and what it may be.
CODES = {
    "Patient.gender": {"male", "female", "other", "unknown"},
    "Patient.name.use": {"usual", "official", "temp", "nickname", "anonymous", "old", "maiden"},
    "Patient.identifier.use": {"usual", "official", "temp", "secondary", "old"},
    "Patient.address.use": {"home", "work", "temp", "old", "billing"},
    "Patient.address.type": {"postal", "physical", "both"},
    "Patient.telecom.system": {"phone", "fax", "email", "pager", "url", "sms", "other"},
    "Patient.telecom.use": {"home", "work", "temp", "old", "mobile"},
    "Group.type": {"person", "animal", "practitioner", "device", "medication", "substance"},
    "Coverage.status": {"active", "cancelled", "draft", "entered-in-error"},
    "CoverageEligibilityResponse.status": {"active", "cancelled", "draft", "entered-in-error"},
    "CoverageEligibilityResponse.purpose": {"auth-requirements", "benefits", "discovery", "validation"},
    "CoverageEligibilityResponse.outcome": {"queued", "complete", "error", "partial"},
    "Bundle.type": {"searchset", "collection"},
    "OperationOutcome.issue.severity": {"fatal", "error", "warning", "information"},
    "CapabilityStatement.status": {"draft", "active", "retired", "unknown"},
    "CapabilityStatement.kind": {"instance", "capability", "requirements"},
}


def valid(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource itself; fails where R4 would not have it."""
    kind = resource["resourceType"]
    model = getattr(import_module(f"fhirclient.models.{kind.lower()}"), kind)
    again = model(resource).as_json()  # checks types, patterns, and what must be there
    assert again == resource
    for path, allowed in CODES.items():
        whose, *steps = path.split(".")
        if whose == kind:
            assert set(_values(resource, steps)) <= allowed, path
    if "id" in resource:
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", resource["id"])
    _no_emptiness(resource)
    for entry in resource.get("entry", ()):
        valid(entry["resource"])
    for inner in resource.get("contained", ()):
        valid(inner)
    return resource


def _values(value: Any, steps: list[str]) -> list[Any]:
    if isinstance(value, list):
        return [found for each in value for found in _values(each, steps)]
    if not steps:
        return [value]
    return _values(value[steps[0]], steps[1:]) if isinstance(value, dict) and steps[0] in value else []


def _no_emptiness(value: Any) -> None:
    """FHIR has no empty lists, objects or texts, and no null."""
    assert value not in ("", None, [], {})
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _no_emptiness(each)
