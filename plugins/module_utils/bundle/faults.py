# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Objects of a depot that are missing or damaged, and what needs them: the generations that are kept, and bundles that wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence, Set

from . import fsutil
from .generations import Generations
from .lock import Lock
from .store import Store


@dataclass
class Need:
    """Who needs an object."""

    size: int
    generations: Set[int] = field(default_factory=set)
    bundles: Set[str] = field(default_factory=set)
    items: Set[str] = field(default_factory=set)


def find_faults(store: Store, generations: Generations, waiting: Sequence[Lock], *, full: bool) -> List[Dict[str, Any]]:
    """By name and size, or with full by hash. Changes nothing. What a bundle that waits does not have yet is no fault."""
    needs: Dict[str, Need] = {}
    for number in generations.numbers():
        for held in generations.held(number).values():
            for need in _note(needs, held.lock):
                need.generations.add(number)
    for lock in waiting:
        _note(needs, lock)
    if full:
        store.check(needs)
    return [
        _told(store, sha256, need)
        for sha256, need in sorted(needs.items())
        if not store.has(sha256, need.size) and (need.generations or fsutil.size_of(store.path(sha256)) is not None)
    ]


def _note(needs: Dict[str, Need], lock: Lock) -> List[Need]:
    """The needs of a lock, each with what it is called there."""
    found = {sha256: needs.setdefault(sha256, Need(size)) for sha256, (size, _url) in lock.objects().items()}
    for need in found.values():
        need.bundles.add(f"{lock.name} {lock.version}")
    for item in lock.items:
        name = f"image {item.why}" if item.kind == "blob" else f"{item.kind} {item.name} {item.version}".rstrip()
        found[item.sha256].items.add(name)
    for piece in lock.evidence:
        found[piece.sha256].items.add(f"{piece.kind} {piece.group}".rstrip())
    return list(found.values())


def _told(store: Store, sha256: str, need: Need) -> Dict[str, Any]:
    state = "missing" if fsutil.size_of(store.path(sha256)) is None else "damaged"
    generations, bundles, items = sorted(need.generations), sorted(need.bundles), sorted(need.items)
    names = f"{items[0]}{f' and {len(items) - 1} more' if len(items) > 1 else ''}"
    users = f"generation {', '.join(map(str, generations))}" if generations else "what waits for more volumes"
    text = f"Object {sha256} ({names}) is {state}; {users} needs it. It came with a bundle {' or '.join(bundles)}."
    return {
        "sha256": sha256,
        "size": need.size,
        "state": state,
        "generations": generations,
        "bundles": bundles,
        "items": items,
        "text": text,
    }
