"""The document of the API (OpenAPI 3.1), made of the doors themselves: what isn't declared isn't answered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.api.areas import AREAS
from gateway.api.doors import JSON, NO_KEY, Area, Door, Needs
from gateway.api.keeping import LONGEST_NAME
from gateway.api.problems import CONTENT_TYPE, KINDS
from gateway.api.subjects import SUBJECTS
from gateway.network.api_keys import SCOPES, Scope

REF = "#/components/schemas/{model}"
VERSION = "1"
_ABOUT = """\
What Cotisa tells and takes from other systems: cover, households, collections, visits, and the network.

A key (`Authorization: Bearer …`) is made by an administrator, counts for one organisation and everything below it, has
scopes, and ends on a day. What is outside its subtree is answered like what isn't there. Errors are problems as
RFC 9457 has them; lists have pages; what is read has an `ETag`; what registers or moves money takes an
`Idempotency-Key`."""
_PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `type` ends with a stable word; texts are in the caller's language.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong in what was sent, and where.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                    "parameter": {"type": "string"},
                    "header": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ETag": ("Names this very answer.", {"type": "string"}),
    "Link": ('The next page, `rel="next"`, where there is one.', {"type": "string"}),
    "Location": ("Where what was made is found.", {"type": "string"}),
    "Idempotency-Replayed": ("`true`: it was done before, and this is the first answer.", {"type": "string"}),
    "Retry-After": ("So many seconds to wait.", {"type": "string"}),
    "WWW-Authenticate": ("How to show a key.", {"type": "string"}),
}


@cache
def document() -> dict[str, Any]:
    """The whole document, as JSON has it."""
    doors = [door for area in AREAS for door in area.doors]
    names, schemas = _schemas(doors)
    paths: dict[str, dict[str, Any]] = {}
    for door in doors:
        paths.setdefault(door.path, {})[door.method.lower()] = _operation(door, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cotisa",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": area.name, "description": area.says} for area in _each_once(AREAS)],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": _scopes()}},
        },
    }


def _each_once(areas: Iterable[Area]) -> list[Area]:
    return list({area.name: area for area in areas}.values())


def _scopes() -> str:
    rows = "\n".join(f"- `{scope.value}`: {SCOPES[scope]}" for scope in Scope)
    return f"A key of the installation's. Its scopes:\n\n{rows}"


def _operation(door: Door, names: Mapping[Any, Any]) -> dict[str, Any]:
    text = inspect.cleandoc(door.handler.__doc__ or door.handler.__name__)
    summary, _, rest = text.partition("\n")
    found: dict[str, Any] = {
        "tags": [door.area.name],
        "operationId": f"{door.area.name}_{door.handler.__name__}",
        "summary": summary.rstrip("."),
    }
    if rest.strip():
        found["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", rest.strip())
    if not isinstance(door.needs, Scope):
        found["security"] = [] if door.needs is NO_KEY else [{"key": []}]
    else:
        found["security"] = [{"key": [door.needs.value]}]
    if parameters := _parameters(door):
        found["parameters"] = parameters
    if door.takes is not None:
        schema = names[door.takes, "validation"]
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    found["responses"] = _responses(door, names)
    return found


def _parameters(door: Door) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "description": SUBJECTS[name].says,
         "schema": SUBJECTS[name].schema}
        for name in door.subjects
    ]  # fmt: skip
    if door.asks is not None:
        asks = door.asks.model_json_schema(ref_template=REF, mode="validation")
        needed = asks.get("required", [])
        for name, schema in asks.get("properties", {}).items():
            own = _without_null(schema, asks.get("$defs", {}))
            description = own.pop("description", "")
            one = {"name": name, "in": "query", "required": name in needed, "schema": own}
            found.append(one | ({"description": description} if description else {}))
    if door.once:
        name = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": "^[A-Za-z0-9_.:-]+$"}
        found.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": name,
             "description": "The wish's own name: a repeat gets the first answer. It is kept for a week."}
        )  # fmt: skip
    if door.if_match:
        found.append(
            {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"},
             "description": "The ETag of what is changed, as it was read."}
        )  # fmt: skip
    elif not door.writes:
        found.append(
            {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
             "description": "The ETag of what is known already: 304 where it is still so."}
        )  # fmt: skip
    return found


def _without_null(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is never null: its own schema, with what it refers to written out."""
    own = {key: value for key, value in schema.items() if key not in ("anyOf", "default") or key == "default"}
    if "anyOf" in schema:
        own |= next(one for one in schema["anyOf"] if one.get("type") != "null")
    if own.get("default", "") is None:
        del own["default"]
    if "$ref" in own:
        own |= defs[own.pop("$ref").rpartition("/")[2]]
    own.pop("title", None)
    return own


def _responses(door: Door, names: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    schema = door.answers if isinstance(door.answers, Mapping) else names[door.answers, "serialization"]
    for status in door.statuses:
        says = {200: "As asked.", 201: "Made.", 202: "Taken: it is being done."}[status]
        content = {door.content_type: {"schema": schema}} | {
            kind: {"schema": {"type": "string"}} for kind in door.files
        }
        headers = ["Location", "Idempotency-Replayed"] if door.once else [] if door.writes else ["ETag"]
        headers += ["Link"] if door.listed else []
        headers += ["ETag"] if door.if_match else []
        found[str(status)] = {"description": says, "headers": _named(headers), "content": content}
    if not door.writes:
        found["304"] = {"description": "It is as the caller knows it.", "headers": _named(["ETag"])}
    by_status: dict[int, list[str]] = {}
    for kind in door.problems:
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status in sorted(by_status):
        kinds = by_status[status]
        told = "; ".join(f"`{kind}`: {KINDS[kind].title}" for kind in kinds)
        content_type = CONTENT_TYPE if door.fails is None else door.content_type
        own = {"$ref": REF.format(model="Problem")} if door.fails is None else {"type": "object"}
        headers = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
        headers += ["Retry-After"] if "in-progress" in kinds else []
        found[str(status)] = {"description": told, "content": {content_type: {"schema": own}}}
        if headers:
            found[str(status)]["headers"] = _named(headers)
    return found


def _named(headers: Sequence[str]) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name][0], "schema": dict(_HEADERS[name][1])} for name in headers}


def _schemas(doors: Sequence[Door]) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    """How each model is referred to, and the schemas of all."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for door in doors:
        if not isinstance(door.answers, Mapping):
            wanted[door.answers, "serialization"] = None
        if door.takes is not None:
            wanted[door.takes, "validation"] = None
    refs, made = models_json_schema(list(wanted), ref_template=REF)
    return refs, made.get("$defs", {})


def needs_words(needs: Scope | Needs) -> str:
    """What a door asks for, in a word."""
    return str(needs.value)
