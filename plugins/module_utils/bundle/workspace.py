# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the sources share while a lock is made: store, client, and what earlier runs learned about upstream."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Protocol

from .errors import BundleError
from .fetch import Client
from .lock import Evidence, Item, Repository, Withheld
from .store import Store

_MEMORY = "upstream.json"
_INDEX_LIFE = 30 * 86400
_SMALL = 16 << 20  # what nobody has verified yet is read into memory


@dataclass
class Resolved:
    """What one source contributes to a lock."""

    items: List[Item] = field(default_factory=list)
    evidence: List[Evidence] = field(default_factory=list)
    repositories: List[Repository] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    withheld: List[Withheld] = field(default_factory=list)
    proofs: List[Proof] = field(default_factory=list)


class Proof(Protocol):
    """A question to the program that will use what is carried: would it?"""

    def run(self) -> Optional[str]:
        """What the program said, or None where it is not at hand. Raises what it refuses."""


class Workspace:
    """In check mode the store is only read, and what has to be fetched goes to a scratch directory."""

    def __init__(self, store: Store, *, client: Client, now: float, scratch: Optional[str] = None) -> None:
        self.store = store
        self.client = client
        self.now = now
        self.checking = scratch is not None
        self.fresh = Store(scratch) if scratch is not None else store
        self.memory: Dict[str, Dict[str, Any]] = store.recall(
            _MEMORY, lambda told: {url: dict(row) for url, row in told.items()}
        )

    def finish(self) -> None:
        """Write down what was learned, and forget decompressed indexes of long ago; they can be made again."""
        if self.checking:
            return
        self.store.note(_MEMORY, self.memory)
        cache = self.index_caches[-1]
        for name in os.listdir(cache) if os.path.isdir(cache) else ():
            path = os.path.join(cache, name)
            if os.stat(path).st_mtime < self.now - _INDEX_LIFE:
                os.unlink(path)

    def locate(self, sha256: str, size: int) -> Optional[str]:
        """Where an object already lies."""
        for store in (self.store, self.fresh):
            if store.has(sha256, size):
                return store.path(sha256)
        return None

    def read(self, sha256: str) -> Optional[bytes]:
        return self.store.read(sha256) or self.fresh.read(sha256)

    def recall(self, sha256: str) -> bytes:
        """What was kept in this run."""
        data = self.read(sha256)
        if data is None:
            raise BundleError(
                f"The store {self.store.root} lost or damaged {sha256} while it was in use. Check its disk."
            )
        return data

    def keep(self, data: bytes) -> str:
        return self.fresh.add_bytes(data)

    def fetch(self, url: str, *, sha256: str, size: int) -> str:
        """A pinned object, fetched unless it is there. Returns its path."""
        path = self.locate(sha256, size)
        if path is None:
            part = self.fresh.part(sha256)
            self.client.download(url, part, sha256=sha256, size=size)
            self.fresh.adopt(part, sha256)
            path = self.fresh.path(sha256)
        return path

    def fetch_small(self, url: str, *, missing_ok: bool = False, limit: int = _SMALL) -> Optional[bytes]:
        """A small thing that changes: asked for conditionally, and remembered. None when it is not there."""
        known: Mapping[str, Any] = self.memory.get(url, {})
        held = self.read(known.get("sha256", "")) if known else None
        reply = self.client.get(url, known=known if held is not None else None, limit=limit, missing_ok=missing_ok)
        if reply.status == 404:
            return None
        if reply.status == 304 and held is not None:
            return held
        self.memory[url] = {**reply.validators, "sha256": self.keep(reply.body), "size": len(reply.body)}
        return reply.body

    @property
    def index_caches(self) -> List[str]:
        """Where decompressed indexes are looked for; a new one goes to the last."""
        return [os.path.join(store.root, "indexes") for store in (self.store, self.fresh)]
