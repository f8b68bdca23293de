# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What Mattermost's plugins say of themselves: their manifest, and which other parts they must be carried with."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from .. import fsutil, tarball
from ..errors import BundleError
from ..lock import Item, Lock
from ..semver import key_of

CALLS = "com.mattermost.calls"
PLUGIN = "plugin"  # the kind of the evidence
_LIMIT = 4 << 20
_MANIFEST = re.compile(r"(\./)?([A-Za-z0-9][A-Za-z0-9._-]*/)?plugin\.json")


@dataclass(frozen=True)
class Part:
    """Something that Calls works with, and the property of its manifest that says in which version."""

    name: str
    prop: str
    exact: bool  # a container image that Calls starts by this very tag; else the oldest version that will do


PARTS = (
    Part("rtcd", "min_rtcd_version", exact=False),
    Part("calls-offloader", "min_offloader_version", exact=False),
    Part("calls-recorder", "calls_recorder_version", exact=True),
    Part("calls-transcriber", "calls_transcriber_version", exact=True),
)


def read_plugin(path: str, *, name: str) -> Tuple[bytes, Dict[str, Any]]:
    """The manifest of a plugin bundle, and what of it a lock has to know."""
    what = f"plugin {name}"
    data = tarball.find(path, lambda member: _MANIFEST.fullmatch(member) is not None, limit=_LIMIT, what=what)
    if data is None:
        raise BundleError(f"{what} holds no plugin.json; give the .tar.gz that its publisher released.")
    manifest = fsutil.load_object(data, f"{what}: plugin.json")
    props = manifest.get("props")
    props = props if isinstance(props, dict) else {}
    told = {key: manifest.get(key, "") for key in ("id", "version", "min_server_version")}
    needs = {part.prop: props[part.prop] for part in PARTS if told["id"] == CALLS and part.prop in props}
    values = [*told.values(), *needs.values()]
    if not all(isinstance(value, str) and len(value) < 256 for value in values) or not told["id"]:
        raise BundleError(f"{what}: its plugin.json does not say id and version as texts.")
    facts: Dict[str, Any] = {"of": name, **{key: value for key, value in told.items() if value}}
    return data, {**facts, "needs": needs} if needs else facts


def check(lock: Lock) -> None:
    """Refuse what would not work on the other side."""
    problems = [problem for facts in _plugins(lock) for problem in _problems(lock, facts)]
    if problems:
        raise BundleError(" ".join(problems))


def warnings(lock: Lock) -> List[str]:
    """What Calls would miss, one sentence for each plugin."""
    found = []
    for facts in _plugins(lock):
        missing = [_wanted(part, facts) for part in PARTS if _needs(part, facts) and not _carried(part, lock)]
        if missing:
            found.append(
                f"plugin {facts['of']}: Calls {facts.get('version', '')} has no {', '.join(missing)} in this lock. Add what is "
                "to be used: rtcd for calls of many, the others for recordings, transcriptions and live captions."
            )
        unknown = [
            row.name for part in PARTS if _needs(part, facts) for row in _carried(part, lock) if not key_of(row.version)
        ]
        found += [
            f"file {name} has no version, so that it cannot be compared with what Calls needs." for name in unknown
        ]
    return found


def _plugins(lock: Lock) -> List[Mapping[str, Any]]:
    return [piece.facts for piece in lock.evidence if piece.kind == PLUGIN]


def _problems(lock: Lock, facts: Mapping[str, Any]) -> List[str]:
    found = []
    least = str(facts.get("min_server_version", ""))
    for item in lock.items:
        if item.kind == "mattermost_release" and _is_older(item.version, least):
            found.append(
                f"plugin {facts['of']} needs Mattermost {least}, but {item.name} is {item.version}: carry a newer one."
            )
    for part in PARTS:
        wanted, there = _needs(part, facts), [row for row in _carried(part, lock) if key_of(row.version)]
        if not wanted or not there:
            continue
        fits = [row for row in there if _fits(part, row.version, wanted)]
        if not fits:
            versions = ", ".join(sorted(row.version for row in there))
            found.append(
                f"plugin {facts['of']} needs {_wanted(part, facts)}, but {part.name} is {versions}: change the BOM."
            )
    return found


def _needs(part: Part, facts: Mapping[str, Any]) -> str:
    needs = facts.get("needs", {})
    return str(needs.get(part.prop, "")) if facts.get("id") == CALLS and isinstance(needs, dict) else ""


def _wanted(part: Part, facts: Mapping[str, Any]) -> str:
    version = _needs(part, facts)
    return f"mattermost/{part.name}:{version} (this very image)" if part.exact else f"{part.name} {version} or newer"


def _fits(part: Part, version: str, wanted: str) -> bool:
    return version == wanted if part.exact else not _is_older(version, wanted)


def _is_older(version: str, least: str) -> bool:
    one, other = key_of(version), key_of(least)
    return one is not None and other is not None and one < other


def _carried(part: Part, lock: Lock) -> List[Item]:
    """Items that are this part: images by the last part of their repository, files by how they are named."""
    name = re.compile(rf"(?:mattermost-)?{part.name}(?:[-_.].*)?")
    found = []
    for item in lock.items:
        if item.kind == "image" and posixpath.basename(item.name.partition("@")[0]).partition(":")[0] == part.name:
            found.append(item)
        if (
            not part.exact
            and item.kind == "file"
            and (name.fullmatch(item.name) or name.fullmatch(posixpath.basename(item.destination)))
        ):
            found.append(item)
    return found
