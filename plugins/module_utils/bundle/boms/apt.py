# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The apt section of a bill of materials."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ..names import ARCHITECTURE, NAME, NAME_TOLD, PACKAGE, union
from ..reader import Reader

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")


@dataclass(frozen=True)
class AptSource:
    """One apt source as a BOM may name it: signed_by are paths, fingerprints or one armoured key."""

    uri: str
    suites: Tuple[str, ...]
    components: Tuple[str, ...]
    signed_by: Tuple[str, ...]


@dataclass(frozen=True)
class AptItem:
    """Packages for one release and architecture. No sources means those of the connected machine."""

    name: str
    release: str
    architecture: str
    packages: Tuple[str, ...]
    sources: Tuple[AptSource, ...] = ()
    exclude: Tuple[str, ...] = ()
    carry_indexes: bool = True


def read(reader: Reader, where: str, row: object) -> Optional[AptItem]:
    keys = ("name", "release", "architecture", "packages", "sources", "exclude", "carry_indexes")
    item = reader.table(where, row, keys, ("name", "release", "architecture", "packages"))
    if item is None:
        return None
    name, packages = "a Debian package name", item.get("packages")
    if isinstance(packages, (list, tuple)) and not packages:
        reader.wrong(f"{where}.packages", "name at least one package.")
    carry = item.get("carry_indexes", True)
    if not isinstance(carry, bool):
        reader.wrong(f"{where}.carry_indexes", f"true or false is expected, not {carry!r}.")
    return AptItem(
        name=reader.text(f"{where}.name", item.get("name"), NAME, NAME_TOLD),
        release=reader.text(
            f"{where}.release", item.get("release"), NAME, "the codename of a release, such as bookworm"
        ),
        architecture=reader.text(
            f"{where}.architecture", item.get("architecture"), ARCHITECTURE, "a Debian architecture, such as amd64"
        ),
        packages=reader.texts(f"{where}.packages", packages, PACKAGE, name),
        sources=_read_sources(reader, f"{where}.sources", item.get("sources", "host")),
        exclude=reader.texts(f"{where}.exclude", item.get("exclude"), PACKAGE, name),
        carry_indexes=bool(carry),
    )


def _read_sources(reader: Reader, where: str, value: object) -> Tuple[AptSource, ...]:
    if value == "host":
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        reader.wrong(where, "either the word host or a list of sources is expected here.")
        return ()
    sources = []
    for at, row in reader.rows(where, value):
        item = reader.table(
            at, row, ("uri", "suites", "components", "signed_by"), ("uri", "suites", "components", "signed_by")
        )
        if item is not None:
            signed_by = item.get("signed_by")
            rows = signed_by if isinstance(signed_by, (list, tuple)) else [signed_by]
            keys = [reader.text(f"{at}.signed_by", entry) for entry in rows]
            sources.append(
                AptSource(
                    uri=reader.url(f"{at}.uri", item.get("uri")).rstrip("/"),
                    suites=reader.texts(f"{at}.suites", item.get("suites"), _WORD, "the name of a suite"),
                    components=reader.texts(
                        f"{at}.components", item.get("components"), _WORD, "the name of a component"
                    ),
                    signed_by=tuple(keys),
                )
            )
    return tuple(sources)


def join(reader: Reader, items: List[AptItem]) -> Tuple[AptItem, ...]:
    """Items of the same name, from several BOMs, become one, if they mean the same repository."""
    joined: Dict[str, AptItem] = {}
    for item in items:
        other = joined.get(item.name, item)
        if (other.release, other.architecture, other.sources) != (item.release, item.architecture, item.sources):
            reader.wrong("apt", f"the name {item.name!r} stands for different releases, architectures or sources.")
        joined[item.name] = replace(
            item,
            packages=union(other.packages, item.packages),
            exclude=union(other.exclude, item.exclude),
            carry_indexes=other.carry_indexes or item.carry_indexes,
        )
    return tuple(joined.values())
