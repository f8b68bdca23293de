# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What there is to do for one bundle: which objects on which volumes, what of them is missing, and what it came to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from . import fsutil, manifest
from .changes import compare
from .contents import Delta, render_changes
from .documents import Documents, Standing, volumes_at
from .errors import BundleError
from .gather import Gatherer
from .ledger import Base, Ledger, Sent
from .lock import Lock, stamp
from .manifest import Root
from .openpgp import SigningKey
from .package_signatures import check_packages
from .progress import Progress
from .seal import Sealer
from .store import Store
from .volumes import Entry, Plan, lay_out

CHANGES = "changes.txt"
Missing = Dict[str, Tuple[int, str]]  # size and URL by sha256


@dataclass
class PackResult:
    """What building the bundle came to, or with check would come to."""

    changed: bool
    lock: Lock
    path: str  # of the first volume
    public_key: str
    fingerprint: str
    bytes_fetched: int = 0
    bytes_held: int = 0
    volume_bytes: int = 0
    objects_fetched: int = 0
    bytes_left_out: int = 0  # as the other side holds them
    objects_left_out: int = 0
    acknowledged: bool = False  # the other side has this version already
    root: str = ""
    base: str = ""
    base_version: int = 0
    volumes: List[Dict[str, Any]] = field(default_factory=list)
    changes: List[Dict[str, Any]] = field(default_factory=list)
    withheld: List[Dict[str, Any]] = field(default_factory=list)

    def told(self) -> Dict[str, Any]:
        """For playbooks."""
        values = {name: value for name, value in vars(self).items() if name not in ("lock", "volume_bytes")}
        lock = self.lock
        own = {
            "name": lock.name,
            "version": lock.version,
            "expires": stamp(lock.expires_at),
            "bytes": self.volume_bytes,
        }
        return {**values, **own}


@dataclass(frozen=True)
class Order:
    """What is to be built, where, and by whom it is signed."""

    lock: Lock
    store: Store
    path: str  # of the bundle
    key_path: str  # of the public key
    key: Optional[SigningKey]
    gatherer: Gatherer
    evidence: Callable[[str], bytes]
    verify: bool
    progress: Optional[str]
    volume_size: Optional[int]
    only_volumes: Sequence[str]


class Build:
    """What there is to do for one bundle on one base."""

    def __init__(
        self,
        order: Order,
        base: Optional[Base],
        ledger: Ledger,
        result: PackResult,
        brought: Optional[Missing] = None,
    ) -> None:
        self.order = order
        self.brought = brought or {}  # what was fetched already, to be looked at
        self.lock = order.lock
        self.store = order.store
        self.base = base
        self.ledger = ledger
        self.result = result
        self.delta = self._delta()
        self.objects = {sha256: told for sha256, told in self.lock.objects().items() if sha256 not in self.delta.held}
        self.documents = Documents(self.lock, self.delta, order.evidence)
        told = self.documents.told()
        entries = [Entry(sha256, size, told.get(sha256, 0)) for sha256, (size, _url) in self.objects.items()]
        self.plans = lay_out(entries, volume_size=order.volume_size, documents=self.documents.room())
        self.wanted = self._wanted()

    def _delta(self) -> Delta:
        """What is left out. What proves the origin of the rest always travels."""
        if self.base is None:
            return Delta()
        always = {piece.sha256 for piece in self.lock.kept_beside()}
        held: FrozenSet[str] = frozenset(sha256 for sha256 in self.lock.objects() if sha256 in self.base.held)
        return Delta(self.base.root, self.base.version, held - always)

    def _wanted(self) -> List[Plan]:
        only = self.order.only_volumes
        names = [plan.name for plan in self.plans]
        unknown = sorted(set(only) - set(names))
        if unknown:
            raise BundleError(
                f"The bundle {self.lock.name} has no {', '.join(unknown)}; its volumes are {', '.join(names)}."
            )
        return [plan for plan in self.plans if not only or plan.name in only]

    def run(self, *, check: bool) -> PackResult:
        missing = self._missing()
        self._tell({**self.brought, **missing})
        if check:
            self.result.changed |= bool(missing) or not self._is_current()
        else:
            progress = self._gather(missing)
            missing = {**self.brought, **missing}
            check_packages(self.lock, self.store)
            progress.say("laying out the volumes")
            self.result.changed |= self._lay_out(missing) or bool(missing)
        return self.result

    def fetch(self, wanted: Set[str]) -> Missing:
        """Bring these objects in ahead of the rest; returns those that were not there."""
        missing = {sha256: self.objects[sha256] for sha256 in wanted if not self._held(sha256, self.objects[sha256][0])}
        self._gather(missing)
        return missing

    def _gather(self, missing: Missing) -> Progress:
        size = sum(size for size, _url in missing.values())
        progress = Progress(self.order.progress, objects=len(missing), size=size)
        self.order.gatherer.fetch(missing, progress)
        return progress

    def _missing(self) -> Missing:
        """What the wanted volumes need and the store lacks. An object in pieces is needed for the hashes of all its pieces."""
        needed = {sha256 for plan in self.wanted for sha256 in plan.objects}
        needed |= {cut.of for plan in self.plans for cut in plan.cuts}
        needed -= {piece.sha256 for piece in self.lock.kept_beside()}
        return {
            sha256: told
            for sha256, told in self.objects.items()
            if sha256 in needed and not self._held(sha256, told[0])
        }

    def _held(self, sha256: str, size: int) -> bool:
        return self.store.is_intact(sha256, size) if self.order.verify else self.store.has(sha256, size)

    def _tell(self, missing: Missing) -> None:
        result, carried = self.result, sum(size for size, _url in self.objects.values())
        result.objects_fetched = len(missing)
        result.bytes_fetched = sum(size for size, _url in missing.values())
        result.bytes_held = carried - result.bytes_fetched
        result.volume_bytes = carried
        everything = self.lock.objects()
        result.objects_left_out = len(everything) - len(self.objects)
        result.bytes_left_out = sum(size for size, _url in everything.values()) - carried
        result.base, result.base_version = self.delta.root, self.delta.version
        if self.base is not None and self.base.lock is not None:
            result.changes = [change.told() for change in compare(self.base.lock, self.lock)]
        result.volumes = [
            {
                "name": plan.name,
                "path": os.path.join(self.order.path, plan.name),
                "objects": len(plan.objects),
                "pieces": len(plan.cuts),
                "bytes": plan.bytes,
            }
            for plan in self.plans
        ]

    def _is_current(self) -> bool:
        """For check mode: whether the wanted volumes are whole, and were made from this very lock and base by this key."""
        order, names = self.order, {plan.name for plan in self.plans}
        if order.key is None or not set(volumes_at(order.path)) <= names:
            return False
        standing = Standing(order.path, order.key)
        expected = (self.documents.digest(manifest.LOCK), self.delta.root, len(self.plans))
        for plan in self.wanted:
            path, index = standing.indexes.get(plan.name, ("", None))
            if index is None:
                return False
            root = Root.parse(fsutil.read_plain(os.path.join(path, manifest.ROOT)), path)
            sizes = {**{name: size for name, (_sha256, size) in index.files.items()}, **plan.paths()}
            there = all(fsutil.size_of(os.path.join(path, name)) == size for name, size in sizes.items())
            if not there or (root.lock, root.base, len(root.volumes)) != expected:
                return False
        return fsutil.has_content(order.key_path, order.key.public_key())

    def _lay_out(self, fetched: Missing) -> bool:
        order = self.order
        if order.key is None:
            raise BundleError("A bundle is signed: name a signing key.")
        sealer = Sealer(
            path=order.path,
            key=order.key,
            store=self.store,
            documents=self.documents,
            plans=self.plans,
            wanted=self.wanted,
        )
        root, changed = sealer.run(set(fetched))
        changed |= fsutil.write_if_changed(order.key_path, order.key.public_key())
        self.result.root = root
        sent = Sent(root, self.lock.version, self.store.add_bytes(self.documents.common[manifest.LOCK]))
        self.ledger.with_sent(sent).write(self.store)
        return self._tell_reviewers() or changed

    def _tell_reviewers(self) -> bool:
        """What enters and leaves, beside the volumes, where the base was made here."""
        path = os.path.join(self.order.path, CHANGES)
        if self.base is None or self.base.lock is None:
            there = os.path.lexists(path)
            fsutil.remove(path)
            return there
        return fsutil.write_if_changed(path, render_changes(self.base.lock, self.lock).encode())
