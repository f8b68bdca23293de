# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The way into the store: what arrives is verified, sorted into what is complete and what has to wait, and copied once."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Set

from . import feed, fsutil
from .arrival import Arrival, OnMedia, refuse_incomplete
from .depot_tree import Held
from .errors import BundleError
from .medium import Terms, inspect_all
from .store import Store
from .waiting import Awaited, Waiting


@dataclass(frozen=True)
class Sorted:
    """What arrived, by what can be done with it."""

    ready: Sequence[Arrival]  # everything it needs is in the store or at the door
    part: Sequence[Arrival]  # volumes of it are still to come
    awaited: Mapping[str, Awaited]  # all that waits once this is taken in


@dataclass
class Copied:
    """What came into the store, or with check would come."""

    objects: int = 0
    bytes: int = 0
    news: bool = False

    def add(self, other: Copied) -> None:
        self.objects += other.objects
        self.bytes += other.bytes
        self.news = self.news or other.news

    def count(self, sizes: Sequence[int]) -> None:
        self.objects += len(sizes)
        self.bytes += sum(sizes)
        self.news = self.news or bool(sizes)


class Intake:
    """Into one depot. Each object is looked for in its store first, and hashed while it is copied."""

    def __init__(self, root: str, store: Store) -> None:
        self.root = root
        self.store = store
        self.waiting = Waiting(root, store)

    def arrivals(
        self, media: Sequence[str], other: Optional[feed.OtherDepot], terms: Terms, held: Mapping[str, Held]
    ) -> List[Arrival]:
        """What is at the door. What is on media is not asked of the other depot."""
        found: List[Arrival] = []
        if media:
            opened = inspect_all(media, terms, full=False)
            found += [OnMedia.of(inspection, self.waiting.kept) for inspection in opened.values()]
        if other is not None:
            there = {arrival.name for arrival in found}
            lacking = [name for name, one in held.items() if self.lacking({name: one})]
            fed = feed.arrivals(other, terms, held, lacking=lacking)
            found += [one for one in fed if one.name not in there]
        return found

    def sort(self, arrived: Sequence[Arrival], held: Mapping[str, Held]) -> Sorted:
        """Complete is what the lock needs and store or media have, whatever volume brought it, now or earlier."""
        before = self.waiting.read()
        offered: Set[str] = set().union(*(arrival.whole for arrival in arrived))
        ready: List[Arrival] = []
        part: List[Arrival] = []
        for arrival in arrived:
            absent = [
                sha256
                for sha256, size in arrival.sizes.items()
                if sha256 not in offered and not self.store.has(sha256, size)
            ]
            if absent:
                _refuse_other(arrival, before)
                refuse_incomplete(arrival, arrival.awaited(before), absent, held)
            (part if absent else ready).append(arrival)
        awaited = {**before, **{arrival.name: arrival.awaited(before) for arrival in part}}
        versions = {name: one.facts["version"] for name, one in held.items()}
        versions.update({arrival.name: arrival.root.version for arrival in ready})
        left = {name: one for name, one in awaited.items() if one.root.version > versions.get(name, 0)}
        return Sorted(ready, part, left)

    def take_in(self, bundles: Mapping[str, Held], arrived: Sequence[Arrival], *, check: bool) -> Copied:
        """What the store lacks of bundles that are complete."""
        missing = self.lacking(bundles)
        absent = [sha256 for sha256 in missing if not any(sha256 in arrival.whole for arrival in arrived)]
        if absent:
            raise BundleError(
                f"The store lacks {len(absent)} of the objects needed, or has them damaged; the first is {absent[0]}. Nothing "
                "given brings them: bring the media of their bundles again."
            )
        copied = Copied()
        copied.count(list(missing.values()))
        if not check:
            self._copy(missing, arrived)
        return copied

    def mend(self, older: Sequence[Arrival], wanted: Mapping[str, int], *, check: bool) -> Copied:
        """What older bundles bring of objects that are wanted. Nothing of these bundles is published."""
        brought = set().union(*(arrival.whole for arrival in older))
        missing = {
            sha256: size for sha256, size in wanted.items() if sha256 in brought and not self.store.has(sha256, size)
        }
        copied = Copied()
        copied.count(list(missing.values()))
        if not check:
            self._copy(missing, older)
        return copied

    def take_in_part(self, parts: Sequence[Arrival], *, check: bool) -> Copied:
        """What is here of bundles that are not complete: kept, and noted, so that the rest can come another time."""
        copied = Copied()
        for arrival in parts:
            before = self.waiting.read()
            awaited = arrival.awaited(before)
            known = before.get(arrival.name)
            missing = {
                sha256: arrival.sizes[sha256]
                for sha256 in arrival.whole
                if sha256 in arrival.sizes and not self.store.has(sha256, arrival.sizes[sha256])
            }
            loose = arrival.loose(self.store)
            copied.count([*missing.values(), *(part.piece.size for part in loose)])
            copied.news = copied.news or known != awaited
            if check:
                continue
            same = known is not None and known.root_sha256 == awaited.root_sha256
            self.waiting.note(known if same and known else replace(awaited, volumes=()), arrival.documents)
            self._copy(missing, [arrival])
            for piece in loose:
                self.waiting.kept.take(piece)
            self.waiting.note(awaited, arrival.documents)
        return copied

    def _copy(self, missing: Mapping[str, int], arrived: Sequence[Arrival]) -> None:
        fsutil.require_space(self.root, sum(missing.values()))
        left = dict(missing)
        for arrival in arrived:
            mine = {sha256: left.pop(sha256) for sha256 in sorted(arrival.whole & set(left))}
            if mine:
                arrival.bring(mine, self.store)

    def lacking(self, bundles: Mapping[str, Held]) -> Dict[str, int]:
        """Objects, and their sizes, that bundles need and the store does not have."""
        needed = {sha256: told[0] for held in bundles.values() for sha256, told in held.lock.objects().items()}
        return {sha256: size for sha256, size in needed.items() if not self.store.has(sha256, size)}

    def forget(self, left: Mapping[str, Awaited]) -> None:
        """Nothing more is awaited of what is published, or was overtaken by what is."""
        for name in set(os.listdir(self.waiting.directory) if os.path.isdir(self.waiting.directory) else ()) - set(
            left
        ):
            self.waiting.forget(name)


def _refuse_other(arrival: Arrival, before: Mapping[str, Awaited]) -> None:
    """Of each bundle one version is waited for: the newest, and only one content of it."""
    known = before.get(arrival.name)
    if known is None or arrival.root_sha256 == known.root_sha256 or arrival.root.version > known.root.version:
        return
    raise BundleError(
        f"{arrival.where} brings a part of the bundle {arrival.name}, version {arrival.root.version}, but the depot waits for "
        f"{', '.join(known.missing_volumes)} of version {known.root.version} (root {known.root_sha256[:16]}). Bring these."
    )
