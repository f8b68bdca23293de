# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Between fetching and sealing: what the scan of a policy objects to, and all that needs it, is not sealed."""

from __future__ import annotations

from typing import Callable, Collection, Dict, Set, Tuple

from . import fsutil, policy
from .boms.policy import Policy
from .errors import BundleError
from .lock import Lock
from .scan import Scanner
from .store import Store

Missing = Dict[str, Tuple[int, str]]  # size and URL by sha256


class Screen:
    """The lock, as far as it may be sealed, and the evidence that is new because something is kept back."""

    def __init__(self, lock: Lock, store: Store, *, now: float) -> None:
        self.lock = lock
        self.fresh: Dict[str, bytes] = {}
        self.store = store
        self.rules = Policy.of_lock(lock.policy)
        self.scanner = Scanner(self.rules, store, now=now)

    def run(
        self, carried: Collection[str], fetch: Callable[[Set[str]], Missing], *, check: bool, any_age: bool
    ) -> Missing:
        """Fetch and scan what is to be carried. Returns what was fetched. With check only what is known counts."""
        if not self.rules.scan:
            return {}
        names = {item.sha256: f"{item.kind} {item.name}" for item in self.lock.items if item.sha256 in carried}
        unknown = {sha256 for sha256 in names if not self.scanner.known(sha256, any_age=check or any_age)}
        brought: Missing = {}
        if unknown and not check:
            brought = fetch(unknown)
            self.scanner.scan({sha256: names[sha256] for sha256 in unknown})
        reasons = self.scanner.answers(names)
        if reasons and not self.rules.withholds:
            raise BundleError(f"No bundle is made.\n{policy.refusal(self.lock, reasons)}")
        if reasons:
            self.lock, fresh = policy.withhold(self.lock, reasons, self.store.read)
            self.fresh = {fsutil.sha256_bytes(data): data for data in fresh}
            for data in fresh if not check else ():
                self.store.add_bytes(data)
        return brought
