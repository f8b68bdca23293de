# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The collections section of a bill of materials: Ansible collections from a Galaxy server, or as tarballs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from ..reader import Reader, read_reason
from ..semver import Range

GALAXY = "https://galaxy.ansible.com"
COLLECTION = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class CollectionItem:
    """One collection, and from where it comes."""

    name: str
    version: str = "*"
    source: str = GALAXY
    sha256: str = ""
    unverified: str = ""
    keyring: str = ""

    @property
    def is_tarball(self) -> bool:
        return self.source.endswith(".tar.gz")


def read(reader: Reader, where: str, row: object) -> Optional[CollectionItem]:
    item = reader.table(where, row, ("name", "version", "source", "sha256", "unverified", "keyring"), ("name",))
    if item is None:
        return None
    version = reader.text(f"{where}.version", item.get("version", "*"))
    try:
        Range(version)
    except ValueError:
        reader.wrong(f"{where}.version", f"{version!r} is not a version or range such as 4.1.0 or '>=4.0.0,<5.0.0'.")
    found = CollectionItem(
        name=reader.text(f"{where}.name", item.get("name"), COLLECTION, "a collection such as community.general"),
        version=version or "*",
        source=reader.url(f"{where}.source", item.get("source")).rstrip("/") or GALAXY,
        sha256=reader.sha256(f"{where}.sha256", item.get("sha256")),
        unverified=read_reason(reader, f"{where}.unverified", item.get("unverified")),
        keyring=reader.text(f"{where}.keyring", item.get("keyring")),
    )
    given = bool(item.get("sha256")) + bool(item.get("unverified"))
    if found.is_tarball and found.keyring:
        reader.wrong(f"{where}.keyring", "signatures come from Galaxy servers; a tarball is known by its sha256.")
    if found.is_tarball and given != 1:
        reader.wrong(where, "a tarball needs its sha256, or unverified.reason to say why it cannot be had.")
    if not found.is_tarball and given:
        reader.wrong(where, "sha256 and unverified are for tarballs; a Galaxy server tells the sha256 itself.")
    return found


def join(reader: Reader, items: List[CollectionItem]) -> Tuple[CollectionItem, ...]:
    """Ranges for one collection may come from several BOMs; where it comes from must be the same in all."""
    places: Dict[str, CollectionItem] = {}
    for item in items:
        other = places.setdefault(item.name, item)
        if (other.source, other.sha256, other.keyring) != (item.source, item.sha256, item.keyring):
            reader.wrong("collections", f"{item.name!r} is wanted from different sources.")
    return tuple(dict.fromkeys(items))
