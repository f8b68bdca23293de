# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The scan of a policy: a command of the operator's looks at each object before the bundle is sealed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, Tuple

from . import fsutil, programs
from .boms.policy import Policy
from .errors import BundleError, few
from .store import Store

_MEMORY = "scans.json"
_THREADS = 2
_PATIENCE = 3600.0
_DAY = 86400
_FORGET = 400 * _DAY
_CLEAN, _FOUND = 0, 1  # exit statuses, as clamscan and its like have them


class Scanner:
    """Runs the command, and remembers its answers for as many days as the policy says."""

    def __init__(self, rules: Policy, store: Store, *, now: float) -> None:
        self.rules = rules
        self.store = store
        self.now = now
        self._key = fsutil.sha256_bytes("\0".join(rules.scan).encode())
        self._memory: Dict[str, Dict[str, Tuple[float, str]]] = store.recall(
            _MEMORY,
            lambda told: {
                key: {sha256: (float(moment), str(why)) for sha256, (moment, why) in rows.items()}
                for key, rows in told.items()
            },
        )

    def known(self, sha256: str, *, any_age: bool = False) -> bool:
        """Whether the answer of an earlier run still counts."""
        moment, _why = self._memory.get(self._key, {}).get(sha256, (0.0, ""))
        return moment > 0 and (any_age or 0 <= self.now - moment < self.rules.scan_again_days * _DAY)

    def answers(self, names: Mapping[str, str]) -> Dict[str, str]:
        """What is remembered of these objects: why each that was not found clean is to be withheld."""
        rows = self._memory.get(self._key, {})
        return {sha256: rows[sha256][1] for sha256 in names if sha256 in rows and rows[sha256][1]}

    def scan(self, names: Mapping[str, str]) -> None:
        """Look at these objects of the store, named by their sha256. What was learned is kept even when one fails."""
        rows = self._memory.setdefault(self._key, {})
        failures: List[str] = []

        def look(sha256: str) -> None:
            try:
                rows[sha256] = (self.now, self._look(sha256, names[sha256]))
            except BundleError as error:
                failures.append(str(error))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(look, sorted(names)))
        self._write()
        if failures:
            raise BundleError(few(sorted(failures)))

    def _look(self, sha256: str, name: str) -> str:
        path = self.store.path(sha256)
        argv = [part.replace("{path}", path).replace("{name}", name) for part in self.rules.scan]
        try:
            late = f"The scan of {name} by {argv[0]} did not end"
            done = programs.run(argv, env=os.environ, together=True, patience=_PATIENCE, late=late)
        except OSError as error:
            raise BundleError(f"The scan of {name} cannot be run: {argv[0]}: {error.strerror}.") from error
        said = " ".join(done.stdout.replace(path, name).split())[:300]
        if done.returncode not in (_CLEAN, _FOUND):
            raise BundleError(
                f"The scan of {name} by {argv[0]} ended with status {done.returncode}, which is neither 0 (clean) nor 1 "
                f"(not clean): {said or 'it said nothing'}."
            )
        return f"policy.scan: {said or argv[0]}" if done.returncode == _FOUND else ""

    def _write(self) -> None:
        kept: Dict[str, Dict[str, Any]] = {
            key: {sha256: list(row) for sha256, row in rows.items() if self.now - row[0] < _FORGET}
            for key, rows in self._memory.items()
        }
        self.store.note(_MEMORY, kept)
