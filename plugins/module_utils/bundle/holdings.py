# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What a depot holds: for whoever asks, and as the signed list that the next delta is made from."""

from __future__ import annotations

import os
from typing import Any, Dict

from . import fsutil
from .depot_page import sections
from .errors import BundleError, told_plainly
from .faults import find_faults
from .generations import CURRENT, Generations
from .have_list import LIST, HaveList
from .lock import moment_of
from .openpgp import SigningKey
from .store import Store
from .waiting import Waiting


class Holdings:
    """Reads a depot and changes nothing in it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.store = Store(os.path.join(root, "store"))
        self.generations = Generations(root)
        self.waiting = Waiting(root, self.store)

    @told_plainly
    def told(self, *, full: bool = False) -> Dict[str, Any]:
        """Generations, bundles, contents, what is missing, and what is not as it was; with full every object is hashed."""
        waiting = self.waiting.read().values()
        number = self.generations.current()
        document = self.generations.manifest(number)
        return {
            "generation": number,
            "path": os.path.join(self.root, CURRENT),
            "title": document.get("title", ""),
            "published": document.get("published", ""),
            "fingerprint": document["key"],
            "bundles": document["bundles"],
            "contents": sections(document),
            "proofs": document.get("proofs", []),
            "generations": [self._generation(one) for one in self.generations.numbers()],
            "incomplete": self.waiting.told(list(waiting)),
            "faults": find_faults(self.store, self.generations, [one.lock for one in waiting], full=full),
        }

    def _generation(self, number: int) -> Dict[str, Any]:
        document = self.generations.manifest(number)
        bundles = {name: facts["version"] for name, facts in sorted(document["bundles"].items())}
        told = {"generation": number, "published": document["published"], "bundles": bundles}
        return {**told, **({"restores": document["restores"]} if "restores" in document else {})}

    @told_plainly
    def have_list(self) -> HaveList:
        """Objects of what is published and of what waits; those of older generations may be pruned before a delta comes.

        What was found damaged is left out, so that the next delta brings it.
        """
        number = self.generations.current()
        document = self.generations.manifest(number)
        waiting = self.waiting.read().values()
        locks = [*(held.lock for held in self.generations.held(number).values()), *(one.lock for one in waiting)]
        if not locks:
            raise BundleError(f"The depot {self.root} holds nothing yet; there is nothing to list.")
        needed = {sha256: told[0] for lock in locks for sha256, told in lock.objects().items()}
        return HaveList(
            depot=document.get("title", ""),
            generation=number,
            created=document.get("published") or max(lock.created for lock in locks),
            bundles=document["bundles"],
            objects=tuple(sorted(sha256 for sha256, size in needed.items() if self.store.has(sha256, size))),
        )

    @told_plainly
    def write_list(self, path: str, key: SigningKey, *, check: bool = False) -> bool:
        """The list with its signature beside it. The same depot gives the same bytes, and signs them once."""
        path = os.path.join(path, LIST) if os.path.isdir(path) else path
        held = self.have_list()
        data = held.dump()
        signature = f"{path}.asc"
        known = fsutil.read_plain(signature, limit=1 << 20) if fsutil.size_of(signature) is not None else None
        if fsutil.has_content(path, data) and key.is_good(data, known, clear=False):
            return False
        if not check:
            fsutil.write_atomic(path, data)
            fsutil.write_atomic(signature, key.sign(data, clear=False, moment=moment_of(held.created, path)))
        return True
