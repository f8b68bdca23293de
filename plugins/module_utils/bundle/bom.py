# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The bill of materials: what must be carried, checked so that every mistake is named by its path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from .boms import apt, charts, collections, files, images, policy, rpm, wheels
from .boms.apt import AptItem
from .boms.charts import ChartItem
from .boms.collections import CollectionItem
from .boms.files import FileItem
from .boms.images import ImageItem
from .boms.policy import NO_POLICY, Policy
from .boms.rpm import RpmItem
from .boms.wheels import WheelsItem
from .errors import BundleError
from .names import NAME, NAME_TOLD
from .reader import Reader, left_open


@dataclass(frozen=True)
class Section:
    """How one section of a BOM is read, and how those of several BOMs become one."""

    read: Callable[[Reader, str, object], Optional[Any]]
    join: Callable[[Reader, List[Any]], Tuple[Any, ...]]


SECTIONS = {
    "apt": Section(apt.read, apt.join),
    "rpm": Section(rpm.read, rpm.join),
    "images": Section(images.read, images.join),
    "charts": Section(charts.read, charts.join),
    "files": Section(files.read, files.join),
    "wheels": Section(wheels.read, wheels.join),
    "collections": Section(collections.read, collections.join),
    "policy": Section(policy.read, policy.join),
}
CARRYING = tuple(name for name in SECTIONS if name != "policy")


@dataclass(frozen=True)
class Bom:
    """A checked bill of materials. Its sections have the names they have in SECTIONS."""

    name: str
    description: str
    expires_days: int
    apt: Tuple[AptItem, ...] = ()
    rpm: Tuple[RpmItem, ...] = ()
    images: Tuple[ImageItem, ...] = ()
    charts: Tuple[ChartItem, ...] = ()
    files: Tuple[FileItem, ...] = ()
    wheels: Tuple[WheelsItem, ...] = ()
    collections: Tuple[CollectionItem, ...] = ()
    policy: Tuple[Policy, ...] = ()  # at most one, which is told once and not as a list

    @property
    def rules(self) -> Policy:
        return self.policy[0] if self.policy else NO_POLICY

    @classmethod
    def parse(cls, document: object) -> Bom:
        """One BOM, or several whose sections are joined under the name of the first. All that is wrong is told at once."""
        documents = document if isinstance(document, (list, tuple)) and document else [document]
        reader = Reader()
        boms = [
            _read_bom(reader.of(row, number) if len(documents) > 1 else reader, row)
            for number, row in enumerate(documents)
        ]
        joined: Dict[str, Any] = {
            name: section.join(reader, [item for part in boms for item in getattr(part, name)])
            for name, section in SECTIONS.items()
        }
        if reader.problems:
            raise BundleError("The bill of materials is not usable.\n" + "\n".join(reader.problems))
        return replace(boms[0], **joined)


def _read_bom(reader: Reader, document: object) -> Bom:
    before = len(reader.problems)
    for where, told in left_open(document):
        reader.wrong(where, f"is left for you to fill in: {told}")
    if len(reader.problems) > before:  # the rest can be judged when it is whole
        return Bom("", "", 1)
    top = reader.table("", document, ("name", "description", "expires_days", *SECTIONS), ("name",)) or {}
    days = top.get("expires_days", 90)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 3650:
        reader.wrong("expires_days", f"a number of days from 1 to 3650 is expected, not {days!r}.")
    name = reader.text("name", top.get("name"), NAME, NAME_TOLD)
    sections: Dict[str, Any] = {}
    for key, section in SECTIONS.items():
        given = reader.rows(key, top.get(key)) if key in CARRYING else [(key, top[key])] if key in top else []
        rows = [section.read(reader, at, row) for at, row in given]
        sections[key] = tuple(row for row in rows if row is not None)
    if not any(top.get(key) for key in CARRYING) and len(reader.problems) == before:
        reader.wrong("BOM", f"it names nothing to carry; give {' or '.join(CARRYING)}.")
    return Bom(name, reader.text("description", top.get("description")), days, **sections)
