# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a lock to a bundle: fetch what the store lacks, lay out the volumes, sign their root."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Dict, Optional, Sequence, Union

from . import fsutil
from .build import Build, Order, PackResult
from .errors import BundleError, told_plainly
from .fetch import Client
from .gather import Gatherer
from .have_list import HaveList
from .ledger import Base, Ledger, base_of_list
from .lock import Lock, evidence_path
from .openpgp import SigningKey
from .screen import Screen
from .store import Store

__all__ = ["KEY_FILE", "PackResult", "Packer"]

KEY_FILE = "bundle-key.asc"


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
            before = ledger = Ledger.read(self.store, self.lock.name)
            if self.acknowledge is not None:
                ledger = before.with_acknowledged(self.acknowledge)
            advanced = ledger != before
            if advanced and not check:
                ledger.write(self.store)
            base = self._base(ledger)
            fingerprint = self.key.fingerprint if self.key else ""
            first = os.path.join(self.path, "volume-001")
            result = PackResult(advanced, self.lock, first, self.key_path, fingerprint)
            if base is not None and base.version == self.lock.version:
                result.acknowledged = True
                return result
            build = Build(self._order(), base, ledger, result)
            screen = Screen(self.lock, self.store, now=time.time())
            brought = screen.run(build.objects, build.fetch, check=check, any_age=bool(self.only_volumes))
            if brought or screen.lock is not self.lock:
                self.lock, self._fresh, result.lock = screen.lock, screen.fresh, screen.lock
                build = Build(self._order(), base, ledger, result, brought)
            result.withheld = [row.told() for row in self.lock.withheld]
            return build.run(check=check)

    def _order(self) -> Order:
        return Order(
            lock=self.lock,
            store=self.store,
            path=self.path,
            key_path=self.key_path,
            key=self.key,
            gatherer=self.gatherer,
            evidence=self.evidence,
            verify=self.verify,
            progress=self.progress,
            volume_size=self.volume_size,
            only_volumes=self.only_volumes,
        )

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
