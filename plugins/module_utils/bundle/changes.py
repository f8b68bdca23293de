# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What enters and leaves from one lock to the next, for playbooks and for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .lock import Item, Lock, human


@dataclass(frozen=True)
class Change:
    """One difference between two locks."""

    change: str  # added, removed or changed
    kind: str
    group: str
    name: str
    before: str
    after: str
    bytes: int  # that have to be carried because of it
    security: bool = False  # a suite for security updates has what is new

    def told(self) -> Dict[str, Any]:
        """For playbooks, and as one line for people."""
        versions = " -> ".join(version for version in (self.before, self.after) if version)
        where = f" ({self.group})" if self.group else ""
        marked = ", security" if self.security else ""
        return {**asdict(self), "text": f"{self.change} {self.name}{where} {versions}, {human(self.bytes)}{marked}"}


def compare(old: Optional[Lock], new: Lock) -> List[Change]:
    """What enters and leaves, item by item."""
    before = {item.key: item for item in old.items} if old else {}
    return list(_changes(before, {item.key: item for item in new.items}))


def _changes(before: Dict[Tuple[str, str, str], Item], after: Dict[Tuple[str, str, str], Item]) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if new is None:
            yield Change("removed", *key, _told(before[key]), "", 0)
        elif old is None:
            yield Change("added", *key, "", _told(new), new.size, new.security)
        elif (old.version, old.sha256, old.destination) != (new.version, new.sha256, new.destination):
            size = new.size if new.sha256 != old.sha256 else 0
            yield Change("changed", *key, _told(old), _told(new), size, new.security)


def _told(item: Item) -> str:
    return item.version or (f"sha256 {item.sha256[:12]}" if item.sha256 else "not fetched yet")


def summary(lock: Optional[Lock]) -> str:
    """One line per item with its size: what Ansible shows as a diff."""
    if lock is None:
        return ""
    rows = [
        f"{item.group or item.kind} {item.name} {_told(item)} {item.size}{' security' if item.security else ''}\n"
        for item in lock.items
    ]
    rows += [f"withheld {row.kind} {row.name} {row.version}: {row.reason}\n" for row in lock.withheld]
    return "".join(sorted(rows))
