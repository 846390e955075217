"""The interface as an OpenAPI document, made from the table of routes and the types of `messages`."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lensmount_emulator.version import __version__
from lensmount_web import messages

JSON = "application/json"
BINARY = "application/octet-stream"

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the interface.

    Attributes:
        method: GET, POST or DELETE.
        path: its path, with parameters in braces.
        summary: what it does, in one line.
        handler: the function that answers.
        takes: type of the body of the request; `None` for none, `bytes` for a file.
        gives: type of the answer, or several of which it is one; `bytes` for packed arrays, `None` for any JSON.
        query: names of its query parameters, each with its JSON type.
        statuses: further statuses that it may answer.
    """

    method: str
    path: str
    summary: str
    handler: Any
    takes: Any = None
    gives: Any = None
    query: tuple[tuple[str, str], ...] = ()
    statuses: tuple[int, ...] = field(default=())


def openapi_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document; the same table gives the same document."""
    types: list[Any] = [messages.Failure]
    types += [one.takes for one in endpoints if _is_struct(one.takes)]
    types += [kind for one in endpoints for kind in _structs(one.gives)]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        path = _PARAMETER.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lensmount",
            "version": __version__,
            "description": "Sessions of lensmount on this machine. Each request needs the cookie that `login` sets.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "apiKey", "in": "cookie", "name": "lensmount"}},
        },
        "security": [{"key": []}],
    }


def openapi_text(endpoints: Sequence[Endpoint]) -> str:
    """The document as it is committed."""
    return json.dumps(openapi_document(endpoints), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _structs(kind: tuple[Any, ...] | type | None) -> list[Any]:
    return [one for one in (kind if isinstance(kind, tuple) else (kind,)) if _is_struct(one)]


def _operation(one: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": one.handler.__name__,
        "summary": one.summary,
        "responses": {"200": {"description": "done", "content": _content(one.gives, schemas)}},
    }
    failure = {"description": "why not", "content": {JSON: {"schema": schemas[messages.Failure]}}}
    wanted: set[int] = {400, 403, *one.statuses}
    if one.takes is not None:
        wanted |= {413, 422}
    if "{" in one.path:
        wanted.add(404)
    for status in sorted(wanted):
        operation["responses"][str(status)] = failure
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": _path_type(one.path, name)}}
        for name in _PARAMETER.findall(one.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": {"type": kind}} for name, kind in one.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if one.takes is bytes:
        operation["requestBody"] = {"required": True, "content": {BINARY: {"schema": {}}}}
    elif one.takes is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[one.takes]}}}
    return operation


def _path_type(path: str, name: str) -> str:
    return "integer" if f"{{{name}:int}}" in path else "string"


def _content(kind: Any, schemas: dict[Any, Any]) -> dict[str, Any]:
    if kind is bytes:
        return {BINARY: {"schema": {}}}
    known = [schemas[one] for one in _structs(kind)]
    return {JSON: {"schema": {"anyOf": known} if len(known) > 1 else known[0] if known else {}}}
