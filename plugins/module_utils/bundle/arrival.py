# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A verified bundle at the door of the depot: what it brings, and whether that is all it needs."""

from __future__ import annotations

import abc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Mapping, Sequence, Tuple

from . import fsutil
from .depot_tree import Held
from .errors import BundleError
from .lock import Lock
from .manifest import Root
from .medium import Inspection, copy_object
from .pieces import Kept, Part, chain
from .store import Store
from .waiting import Awaited


@dataclass(frozen=True)
class Arrival(abc.ABC):
    """What media, or another depot, bring of one bundle. Root and lock are verified; objects are hashed as they come in."""

    where: str
    root: Root
    root_sha256: str
    lock: Lock
    signers: Tuple[str, ...]
    documents: Mapping[str, bytes]
    volumes: Tuple[str, ...]  # names of those that are here
    whole: FrozenSet[str]  # objects that can be had from here

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def sizes(self) -> Dict[str, int]:
        return {sha256: size for sha256, (size, _url) in self.lock.objects().items()}

    def held(self) -> Held:
        root = self.root
        facts: Dict[str, Any] = {"version": root.version, "created": root.created, "expires": root.expires}
        facts.update({"root": self.root_sha256, "signers": list(self.signers)})
        return Held(self.lock, facts, self.documents)

    def awaited(self, before: Mapping[str, Awaited]) -> Awaited:
        """With the volumes of it that came in earlier."""
        known = before.get(self.name)
        earlier = known.volumes if known is not None and known.root_sha256 == self.root_sha256 else ()
        return Awaited(self.root, self.root_sha256, self.lock, tuple(sorted({*earlier, *self.volumes})))

    @abc.abstractmethod
    def bring(self, wanted: Mapping[str, int], store: Store) -> None:
        """Put objects into the store, each hashed on its way; what came in stays when a later one fails."""

    @abc.abstractmethod
    def loose(self, store: Store) -> List[Part]:
        """Pieces, not kept yet, of objects of which others are missing."""


@dataclass(frozen=True)
class OnMedia(Arrival):
    """Copied from mounted volumes, several objects at a time."""

    inspection: Inspection
    kept: Kept
    parts: Mapping[str, List[Part]]  # pieces that came on earlier media

    @classmethod
    def of(cls, found: Inspection, kept: Kept) -> OnMedia:
        parts = kept.parts()
        whole = set()
        for sha256, source in found.objects.items():
            pieces = [] if isinstance(source, str) else [*parts.get(sha256, []), *source]
            if isinstance(source, str) or chain(pieces, found.sizes.get(sha256, -1)) is not None:
                whole.add(sha256)
        return cls(
            where=", ".join(volume.path for volume in found.volumes),
            root=found.root,
            root_sha256=found.root_sha256,
            lock=found.lock,
            signers=found.signers,
            documents=found.documents,
            volumes=tuple(volume.index.volume for volume in found.volumes),
            whole=frozenset(whole),
            inspection=found,
            kept=kept,
            parts=parts,
        )

    def bring(self, wanted: Mapping[str, int], store: Store) -> None:
        def take(sha256: str) -> None:
            try:
                copy_object(self.inspection, sha256, store.path(sha256), kept=self.parts.get(sha256, ()))
            except BundleError as error:
                if self.kept.drop_damaged(sha256):
                    raise BundleError(
                        f"Pieces of object {sha256} that came on earlier media were damaged in {self.kept.directory} since, and "
                        f"are removed. Bring the other volumes of the bundle {self.name} again, then this one."
                    ) from error
                raise
            store.renewed(sha256)
            self.kept.forget(sha256)

        with ThreadPoolExecutor(fsutil.THREADS) as pool:
            list(pool.map(take, sorted(wanted, key=lambda sha256: -wanted[sha256])))

    def loose(self, store: Store) -> List[Part]:
        found: List[Part] = []
        for sha256, source in self.inspection.objects.items():
            if (
                isinstance(source, list)
                and sha256 not in self.whole
                and not store.has(sha256, self.sizes.get(sha256, -1))
            ):
                kept = {part.piece for part in self.parts.get(sha256, ())}
                found += [part for part in source if part.piece not in kept]
        return found


def refuse_incomplete(arrival: Arrival, awaited: Awaited, absent: Sequence[str], held: Mapping[str, Held]) -> None:
    """Volumes that are to come may bring what is absent, as long as they are so large. Otherwise nothing will."""
    root = arrival.root
    to_come = sum(volume.objects for volume in root.volumes if volume.name in awaited.missing_volumes)
    if len(absent) <= to_come:
        return
    lacking = f"{len(absent)} of its objects are neither on the media nor in the depot, the first is {absent[0]}"
    if root.base:
        known = held[root.name].facts if root.name in held else {}
        has = f"has version {known['version']} (root {known['root'][:16]})" if known else "has no version of it"
        raise BundleError(
            f"The bundle {root.name}, version {root.version}, is a delta on version {root.base_version} (root "
            f"{root.base[:16]}), but this depot {has}: {lacking}. Bring version "
            f"{root.base_version} first, or a complete bundle, or a delta made from this depot's own list."
        )
    raise BundleError(f"The bundle {root.name} is not complete: {lacking}. Give all its media.")


def is_older(arrival: Arrival, held: Mapping[str, Held], seen: Mapping[str, Any]) -> bool:
    """Than what was ever published of that name, and not what is published now, as after a rollback."""
    name = arrival.name
    published = name in held and arrival.root_sha256 == held[name].facts["root"]
    return not published and name in seen and arrival.root.version < seen[name]["version"]


def refuse_rollback(arrival: Arrival, held: Mapping[str, Held], seen: Mapping[str, Any]) -> None:
    """An older root than was ever published is refused, but for the one that is published; and so is a second one of a version."""
    root, name = arrival.root, arrival.name
    known = seen.get(name)
    if known is None or (name in held and arrival.root_sha256 == held[name].facts["root"]):
        return
    if is_older(arrival, held, seen):
        raise BundleError(
            f"The bundle {name} on {arrival.where} is version {root.version}; the depot has version {known['version']} "
            "already and does not go back. Bring the newest bundle."
        )
    if root.version == known["version"] and arrival.root_sha256 != known["root"]:
        raise BundleError(
            f"The bundle {name} on {arrival.where} has the version of the one in the depot, {root.version}, but another "
            "content. One of the two is not what its maker published: find out which."
        )
