# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The wheels section of a bill of materials: Python packages for a named interpreter."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ..names import NAME, NAME_TOLD, union
from ..reader import Reader, names_of

PLATFORM = "manylinux_2_17_x86_64"
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[A-Za-z0-9._, -]*\])?\s*(?P<rest>[^-\s][^\n]*)?"
)
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})(?=\s|$)")
_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")
_PLATFORM = re.compile(
    r"(?:manylinux_\d{1,2}_\d{1,2}|musllinux_\d{1,2}_\d{1,2}|manylinux(?:1|2010|2014)|linux)_(?P<machine>[a-z0-9_]{2,16})"
)
_TAG = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True)
class Requirement:
    """One requirement as pip reads it, without the hashes, which are compared here."""

    text: str
    project: str
    sha256: Tuple[str, ...] = ()


@dataclass(frozen=True)
class WheelsItem:
    """A set of wheels for one interpreter on one kind of machine."""

    name: str
    python: str
    packages: Tuple[Requirement, ...]
    platforms: Tuple[str, ...] = (PLATFORM,)
    implementation: str = "cp"
    abi: str = ""
    index_url: str = ""
    constraints: Tuple[str, ...] = ()

    @property
    def machine(self) -> str:
        """What `uname -m` says there."""
        match = _PLATFORM.fullmatch(self.platforms[0])
        return match.group("machine") if match is not None else ""


def normalized(project: str) -> str:
    """The name of a project as indexes spell it."""
    return re.sub(r"[-_.]+", "-", project).lower()


def read(reader: Reader, where: str, row: object) -> Optional[WheelsItem]:
    required = ("name", "python", "packages")
    optional = ("platforms", "implementation", "abi", "index_url", "constraints")
    item = reader.table(where, row, (*required, *optional), required)
    if item is None:
        return None
    rows = reader.rows(f"{where}.packages", item.get("packages"))
    if item.get("packages") == []:
        reader.wrong(f"{where}.packages", "name at least one of the packages.")
    platforms = reader.texts(f"{where}.platforms", item.get("platforms"), _PLATFORM, f"a platform such as {PLATFORM}")
    machines = {match.group("machine") for match in map(_PLATFORM.fullmatch, platforms) if match}
    if len(machines) > 1:
        reader.wrong(
            f"{where}.platforms", f"{names_of(tuple(sorted(machines)))} are different machines; make a set for each."
        )
    constraints = [_read(reader, at, text) for at, text in reader.rows(f"{where}.constraints", item.get("constraints"))]
    return WheelsItem(
        name=reader.text(f"{where}.name", item.get("name"), NAME, NAME_TOLD),
        python=reader.text(f"{where}.python", item.get("python"), _PYTHON, "a version of Python such as 3.11"),
        packages=tuple(_read(reader, at, text) for at, text in rows),
        platforms=platforms or (PLATFORM,),
        implementation=reader.text(
            f"{where}.implementation", item.get("implementation", "cp"), _TAG, "a tag such as cp"
        ),
        abi=reader.text(f"{where}.abi", item.get("abi"), _TAG, "a tag such as cp311"),
        index_url=reader.url(f"{where}.index_url", item.get("index_url")),
        constraints=tuple(row.text for row in constraints),
    )


def _read(reader: Reader, where: str, value: object) -> Requirement:
    given = reader.text(where, value).strip()
    text = _HASH.sub("", given).strip()
    match = _REQUIREMENT.fullmatch(text)
    if given and (match is None or "--" in text):
        reader.wrong(
            where, f"{given!r} is not a requirement such as ansible-core==2.19.*, with --hash=sha256:… at most."
        )
    if match is None:
        return Requirement("", "")
    rest = match.group("rest") or ""
    if rest.startswith("@"):
        url = re.split(r"[;\s]", rest[1:].strip())[0]
        reader.url(where, url)
        if not url.partition("#")[0].endswith(".whl"):
            reader.wrong(where, f"{url!r} is not a wheel; build one with pip wheel, and name that.")
        if not _HASH.search(given):
            reader.wrong(where, "nothing vouches for a wheel by its URL; add --hash=sha256:…")
    return Requirement(text, normalized(match.group("name")), tuple(_HASH.findall(given)))


def join(reader: Reader, items: List[WheelsItem]) -> Tuple[WheelsItem, ...]:
    """Items of the same name, from several BOMs, become one set, if they mean the same interpreter."""
    joined: Dict[str, WheelsItem] = {}
    for item in items:
        other = joined.get(item.name, item)
        if replace(other, packages=(), constraints=()) != replace(item, packages=(), constraints=()):
            reader.wrong("wheels", f"the name {item.name!r} stands for different interpreters, platforms or indexes.")
        packages = other.packages + tuple(row for row in item.packages if row not in other.packages)
        joined[item.name] = replace(item, packages=packages, constraints=union(other.constraints, item.constraints))
    return tuple(joined.values())
