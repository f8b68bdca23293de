# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold what modules ask, and what tests answer them, to the official API description and to real servers' answers.

Every test of a module does this (see plugins/modules/conftest.py). What an answer of a test contains is all that a module can read of
it, so that each field a module reads is known to be there. Where the servers' source says otherwise than the description, that is
listed in _described_otherwise.py, each with the reason.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List
from urllib.parse import parse_qsl

import yaml
from ansible_collections.fieldops.mattermost.tests.unit._described_otherwise import ANSWERS, BODIES, QUERIES, ROUTES
from ansible_collections.fieldops.mattermost.tests.unit.description import (
    ANYTHING,
    Operation,
    asked,
    find,
    misfits,
    recorded,
)

CONFIG = ("GET", "/config")
COVERAGE = Path(__file__).resolve().parents[2] / "tools" / "api_coverage.yml"
# What the client does by itself.
SESSION = ("POST /users/login", "POST /users/logout")


@functools.lru_cache(maxsize=None)
def covered() -> Dict[str, List[str]]:
    """The modules that docs/api_coverage.md names for each family of the API."""
    said = yaml.safe_load(COVERAGE.read_text(encoding="utf-8"))
    return {family: entry.get("modules", []) for family, entry in said.items()}


def uncovered(module: str, request: Any) -> Iterator[str]:
    """What a module changes in a family that docs/api_coverage.md does not name it for."""
    operation = find(request.method, request.path)
    here = f"{request.method} {operation.path}" if operation else ""
    if operation is None or request.method == "GET" or here in SESSION:
        return
    if not any(module in covered()[family] for family in operation.families):
        families = ", ".join(sorted(operation.families))
        yield f"{here}: tools/api_coverage.yml does not say that {module} covers any of {families}"


def problems(request: Any, reply: Any) -> Iterator[str]:
    """What is wrong with a request of a module, and with the answer that a test gave."""
    operation = find(request.method, request.path)
    if operation is None:
        if not any(re.fullmatch(route, f"{request.method} {request.path}") for route in ROUTES):
            yield f"{request.method} {request.path} is not described"
        return
    here = f"{operation.method} {operation.path}"
    names = {name for name, _value in parse_qsl(request.query)}
    for name in sorted(names - operation.query - asked(operation) - QUERIES.get(here, {}).keys()):
        yield f"{here}: {name} in the query is not described"
    yield from (f"{here}: body: {line}" for line in _of_body(operation, here, request))
    yield from (f"{here}: answer: {line}" for line in _of_answer(operation, here, reply))


def _of_body(operation: Operation, here: str, request: Any) -> Iterator[str]:
    if not request.body:
        return
    if request.headers.get("Content-Type", "").startswith("multipart/"):
        names = re.findall(rb'form-data; name="([^"]+)"', request.body)
        value: Any = {name.decode(): "" for name in names}
    else:
        value = json.loads(request.body)
        if isinstance(value, dict):
            yield from (f"{name} is missing" for name in sorted(operation.required - value.keys()))
    shapes = [*operation.bodies, *(shape for shape, _why in BODIES.get(here, []))]
    if here == "PUT /config/patch":
        shapes += recorded(find(*CONFIG))
    yield from misfits(value, telling(shapes))


def _of_answer(operation: Operation, here: str, reply: Any) -> Iterator[str]:
    if reply is None or not 200 <= reply.status < 300 or isinstance(reply.body, bytes):
        return
    shapes = [*recorded(operation), *operation.answers, *(shape for shape, _why in ANSWERS.get(here, []))]
    if here in ("PUT /config/patch", "PUT /config"):
        shapes += recorded(find(*CONFIG))
    yield from misfits(reply.body, telling(shapes))


def telling(shapes: List[Any]) -> List[Any]:
    """The shapes that say something, if any does."""
    said = [shape for shape in shapes if shape != ANYTHING and shape != (ANYTHING, "null")]
    return said or shapes
