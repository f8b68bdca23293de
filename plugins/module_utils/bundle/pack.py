# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a lock to a bundle: fetch what the store lacks, lay out the volumes, sign their root."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple, Union

from . import fsutil, manifest
from .contents import Delta, render_changes
from .documents import Documents
from .errors import BundleError, told_plainly
from .fetch import Client
from .gather import Gatherer
from .have_list import HaveList
from .ledger import Base, Ledger, Sent, base_of_list
from .lock import Lock, compare, evidence_path, stamp
from .manifest import Root
from .openpgp import SigningKey
from .package_signatures import check_packages
from .progress import Progress
from .screen import Screen
from .seal import Sealer
from .store import Store
from .volumes import Entry, Plan, lay_out

KEY_FILE = "bundle-key.asc"
CHANGES = "changes.txt"


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


class Packer:
    """One bundle. Every step may be killed: what it finished is found again, what it did not is done again."""

    def __init__(
        self,
        *,
        lock_path: str,
        store: str,
        output: str,
        key: Optional[SigningKey],
        client: Optional[Client] = None,
        connections: int = 8,
        verify: bool = False,
        progress: Optional[str] = None,
        volume_size: Optional[int] = None,
        only_volumes: Sequence[str] = (),
        base: Optional[HaveList] = None,
        ledger: bool = False,
        acknowledge: Union[str, HaveList, None] = None,
    ) -> None:
        self.lock_path = lock_path
        self.lock = Lock.read(lock_path)
        self.store = Store(store)
        self.key = key
        self.gatherer = Gatherer(self.store, client or Client(), connections=connections)
        self.verify = verify
        self.progress = progress
        self.volume_size = volume_size
        self.only_volumes = only_volumes
        self.base_list = base
        self.use_ledger = ledger
        self.acknowledge = acknowledge
        self._fresh: Dict[str, bytes] = {}  # evidence that is not beside the lock, as policy made it
        self.path = os.path.join(output, self.lock.name)
        self.key_path = os.path.join(output, KEY_FILE)

    @told_plainly
    def run(self, *, check: bool = False) -> PackResult:
        with contextlib.ExitStack() as stack:
            if not check:
                stack.enter_context(fsutil.exclusive(os.path.join(self.store.root, ".lock")))
                stack.enter_context(
                    fsutil.exclusive(os.path.join(os.path.dirname(self.path), f".{self.lock.name}.lock"))
                )
                self._take_evidence()
            ledger = Ledger.read(self.store, self.lock.name)
            if self.acknowledge is not None:
                ledger = ledger.with_acknowledged(self.acknowledge)
            advanced = not check and self.acknowledge is not None and ledger.write(self.store)
            base = self._base(ledger)
            fingerprint = self.key.fingerprint if self.key else ""
            first = os.path.join(self.path, "volume-001")
            result = PackResult(advanced, self.lock, first, self.key_path, fingerprint)
            if base is not None and base.version == self.lock.version:
                result.acknowledged = True
                return result
            build = _Build(self, base, ledger, result)
            screen = Screen(self.lock, self.store, now=time.time())
            brought = screen.run(build.objects, build.fetch, check=check, any_age=bool(self.only_volumes))
            if brought or screen.lock is not self.lock:
                self.lock, self._fresh, result.lock = screen.lock, screen.fresh, screen.lock
                build = _Build(self, base, ledger, result, brought)
            result.withheld = [row.told() for row in self.lock.withheld]
            return build.run(check=check)

    def _base(self, ledger: Ledger) -> Optional[Base]:
        base = None
        if self.base_list is not None:
            base = base_of_list(self.base_list, ledger, self.store)
        elif self.use_ledger:
            base = ledger.base(self.store)
        if base is not None and base.version > self.lock.version:
            raise BundleError(
                f"The other side has version {base.version} of {self.lock.name} already, which is newer than this lock, "
                f"{self.lock.version}. Make the lock again."
            )
        return base

    def _take_evidence(self) -> None:
        for piece in self.lock.kept_beside():
            source = evidence_path(self.lock_path, piece.sha256)
            if not self.store.has(piece.sha256, piece.size):
                self.store.add_file(source, sha256=piece.sha256, size=piece.size)

    def evidence(self, sha256: str) -> bytes:
        """A piece of evidence; in check mode it need not be in the store yet."""
        held = self._fresh.get(sha256, self.store.read(sha256))
        return held if held is not None else fsutil.read_plain(evidence_path(self.lock_path, sha256))


class _Build:
    """What there is to do for one bundle on one base."""

    def __init__(
        self,
        packer: Packer,
        base: Optional[Base],
        ledger: Ledger,
        result: PackResult,
        brought: Optional[Dict[str, Tuple[int, str]]] = None,
    ) -> None:
        self.packer = packer
        self.brought = brought or {}  # what was fetched already, to be looked at
        self.lock = packer.lock
        self.store = packer.store
        self.base = base
        self.ledger = ledger
        self.result = result
        self.delta = self._delta()
        self.objects = {sha256: told for sha256, told in self.lock.objects().items() if sha256 not in self.delta.held}
        self.documents = Documents(self.lock, self.delta, packer.evidence)
        told = self.documents.told()
        entries = [Entry(sha256, size, told.get(sha256, 0)) for sha256, (size, _url) in self.objects.items()]
        self.plans = lay_out(entries, volume_size=packer.volume_size, documents=self.documents.room())
        self.wanted = self._wanted()

    def _delta(self) -> Delta:
        """What is left out. What proves the origin of the rest always travels."""
        if self.base is None:
            return Delta()
        always = {piece.sha256 for piece in self.lock.kept_beside()}
        held: FrozenSet[str] = frozenset(sha256 for sha256 in self.lock.objects() if sha256 in self.base.held)
        return Delta(self.base.root, self.base.version, held - always)

    def _wanted(self) -> List[Plan]:
        only = self.packer.only_volumes
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

    def fetch(self, wanted: Set[str]) -> Dict[str, Tuple[int, str]]:
        """Bring these objects in ahead of the rest; returns those that were not there."""
        missing = {sha256: self.objects[sha256] for sha256 in wanted if not self._held(sha256, self.objects[sha256][0])}
        self._gather(missing)
        return missing

    def _gather(self, missing: Dict[str, Tuple[int, str]]) -> Progress:
        size = sum(size for size, _url in missing.values())
        progress = Progress(self.packer.progress, objects=len(missing), size=size)
        self.packer.gatherer.fetch(missing, progress)
        return progress

    def _missing(self) -> Dict[str, Tuple[int, str]]:
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
        return self.store.is_intact(sha256, size) if self.packer.verify else self.store.has(sha256, size)

    def _tell(self, missing: Dict[str, Tuple[int, str]]) -> None:
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
                "path": os.path.join(self.packer.path, plan.name),
                "objects": len(plan.objects),
                "pieces": len(plan.cuts),
                "bytes": plan.bytes,
            }
            for plan in self.plans
        ]

    def _is_current(self) -> bool:
        """For check mode: whether the wanted volumes were made from this very lock and base, and have all their objects."""
        digest = self.documents.digest(manifest.LOCK)
        for plan in self.wanted:
            path = os.path.join(self.packer.path, plan.name)
            try:
                root = Root.parse(fsutil.read_plain(os.path.join(path, manifest.ROOT)), path)
            except BundleError:
                return False
            there = all(fsutil.size_of(os.path.join(path, name)) == size for name, size in plan.paths().items())
            if not there or (root.lock, root.base, len(root.volumes)) != (digest, self.delta.root, len(self.plans)):
                return False
        return True

    def _lay_out(self, fetched: Dict[str, Tuple[int, str]]) -> bool:
        packer = self.packer
        if packer.key is None:
            raise BundleError("A bundle is signed: name a signing key.")
        sealer = Sealer(
            path=packer.path,
            key=packer.key,
            store=self.store,
            documents=self.documents,
            plans=self.plans,
            wanted=self.wanted,
        )
        root, changed = sealer.run(set(fetched))
        changed |= fsutil.write_if_changed(packer.key_path, packer.key.public_key())
        self.result.root = root
        sent = Sent(root, self.lock.version, self.store.add_bytes(self.documents.common[manifest.LOCK]))
        self.ledger.with_sent(sent).write(self.store)
        return self._tell_reviewers() or changed

    def _tell_reviewers(self) -> bool:
        """What enters and leaves, beside the volumes, where the base was made here."""
        path = os.path.join(self.packer.path, CHANGES)
        if self.base is None or self.base.lock is None:
            there = os.path.lexists(path)
            fsutil.remove(path)
            return there
        return fsutil.write_if_changed(path, render_changes(self.base.lock, self.lock).encode())
