# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The directory tree of one generation: what each kind of source publishes, and a page that tells people what is there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Collection, Dict, Mapping, Optional

from . import fsutil, manifest
from .kinds import PLACED
from .lock import Item, Lock, Repository
from .openpgp import SigningKey
from .store import Store

KEY_FILE = "depot-key.asc"
# Who programs think it is from: one that does not change, whatever the title, as apt takes nothing from another origin than before.
ORIGIN = "Mattermost depot"


@dataclass(frozen=True)
class Held:
    """One bundle a generation is made of, with the signed documents it came with."""

    lock: Lock
    facts: Dict[str, Any]  # version, created, expires, root, signers
    documents: Mapping[str, bytes]  # root, signature and lock, kept for whoever audits the depot


@dataclass(frozen=True)
class Tree:
    """A generation in a directory nobody looks at yet. Publishers write into it; nothing in it is ever changed in place."""

    path: str
    store: Store
    key: SigningKey
    moment: int  # when the newest of its locks was made; dates every signature
    previous: Optional[str]  # the generation that is published now
    earlier: Mapping[str, Any] = field(default_factory=dict)  # its manifest
    inputs: Dict[str, str] = field(default_factory=dict)  # what each directory that may be reused was made of
    anew: bool = False  # the one before has damaged files, so nothing of it is used

    def write(self, name: str, data: bytes) -> None:
        fsutil.write_atomic(os.path.join(self.path, name), data)

    def write_signed(self, name: str, data: bytes) -> None:
        """With a detached signature beside it."""
        self.write(name, data)
        self.write(f"{name}.asc", self.key.sign(data, clear=False, moment=self.moment))

    def write_by_hash(self, name: str, data: bytes) -> None:
        """The file, and as apt may ask for it: under its hash."""
        self.write(name, data)
        self.keep_by_hash(os.path.join(self.path, name), name, data)

    def keep_by_hash(self, source: str, name: str, data: bytes) -> None:
        """One more name of a file, here or in the generation before."""
        digest = fsutil.sha256_bytes(data)
        target = os.path.join(self.path, os.path.dirname(name), "by-hash/SHA256", digest)
        fsutil.link_or_copy(source, target, sha256=digest, size=len(data))

    def link(self, item: Item, name: str) -> None:
        source = self.store.path(item.sha256)
        fsutil.link_or_copy(source, os.path.join(self.path, name), sha256=item.sha256, size=item.size)

    def reuse(self, name: str, made_of: object) -> bool:
        """Link the directory of the previous generation if it was made of the same. Its signatures, and their dates, stay."""
        told = json.dumps([made_of, self.key.fingerprint], sort_keys=True, default=str)
        self.inputs[name] = fsutil.sha256_bytes(told.encode())
        source = os.path.join(self.previous or "", name)
        known = {} if self.anew else self.earlier.get("inputs", {})
        if known.get(name) != self.inputs[name] or not os.path.isdir(source):
            return False
        fsutil.link_tree(source, os.path.join(self.path, name))
        return True


def documents_of(path: str) -> Dict[str, bytes]:
    """The signed documents of a bundle as a generation keeps them."""
    needed = (manifest.ROOT, manifest.SIGNATURE, manifest.LOCK)
    more = [name for name in (manifest.SBOM, manifest.CONTENTS) if os.path.exists(os.path.join(path, name))]
    return {name: fsutil.read_plain(os.path.join(path, name)) for name in (*needed, *more)}


def told_item(item: Item) -> Dict[str, Any]:
    """An item with a place of its own, as playbooks and people want it; the path is below the depot's URL."""
    return {
        "name": item.name,
        "version": item.version,
        "path": f"{PLACED[item.kind]}/{item.destination}",
        "sha256": item.sha256,
        "size": item.size,
    }


def told_repository(repository: Repository, items: Collection[Item], date: int) -> Dict[str, Any]:
    """A repository of packages in the same way."""
    return {
        "name": repository.name,
        "release": repository.release,
        "architecture": repository.architecture,
        "path": f"{repository.kind}/{repository.name}",
        "date": date,
        "packages": len(items),
        "bytes": sum(item.size for item in items),
    }
