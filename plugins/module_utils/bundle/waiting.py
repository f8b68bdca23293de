# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Bundles of which only some volumes came so far: what they are is kept beside the store until the rest is here."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from . import fsutil, manifest
from .errors import BundleError
from .lock import Lock
from .manifest import Root
from .pieces import Kept
from .store import Store

_VOLUMES = "volumes.json"


@dataclass(frozen=True)
class Awaited:
    """One bundle that is not complete, as its verified documents tell, and the volumes of it that were taken in."""

    root: Root
    root_sha256: str
    lock: Lock
    volumes: Tuple[str, ...]

    @property
    def missing_volumes(self) -> List[str]:
        return [volume.name for volume in self.root.volumes if volume.name not in self.volumes]

    def sentence(self) -> str:
        missing, there = self.missing_volumes, len(self.volumes)
        verb, it = ("is", "it") if len(missing) == 1 else ("are", "them")
        return (
            f"{there} of {len(self.root.volumes)} volumes of the bundle {self.root.name}, version {self.root.version}, are here; "
            f"{', '.join(missing)} {verb} missing. Nothing of it is published before that: run again with {it}."
        )


class Waiting:
    """All of them, one for each name. What is not readable here is forgotten: the next medium tells it again."""

    def __init__(self, root: str, store: Store) -> None:
        self.directory = os.path.join(root, "incoming")
        self.store = store
        self.kept = Kept(os.path.join(store.root, "pieces"))

    def read(self) -> Dict[str, Awaited]:
        names = sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else []
        found = {name: self._read(os.path.join(self.directory, name)) for name in names}
        return {name: awaited for name, rows in found.items() for awaited in rows}

    def _read(self, path: str) -> List[Awaited]:
        try:
            data = fsutil.read_plain(os.path.join(path, manifest.ROOT))
            lock = fsutil.read_plain(os.path.join(path, manifest.LOCK))
            volumes = fsutil.load_object(fsutil.read_plain(os.path.join(path, _VOLUMES)), path)
            root, digest = Root.parse(data, path), fsutil.sha256_bytes(data)
            if root.lock != fsutil.sha256_bytes(lock) or volumes["root"] != digest:
                return []  # killed while another version took the place
            return [Awaited(root, digest, Lock.parse(lock, path), tuple(volumes["volumes"]))]
        except (BundleError, KeyError):
            return []

    def note(self, awaited: Awaited, documents: Mapping[str, bytes]) -> bool:
        """Write down what was taken in. Returns whether that is news."""
        place = os.path.join(self.directory, awaited.root.name)
        files = {**documents, _VOLUMES: fsutil.dump_lines({"root": awaited.root_sha256, "volumes": awaited.volumes})}
        news = [fsutil.write_if_changed(os.path.join(place, name), data) for name, data in files.items()]
        return any(news)

    def forget(self, name: str) -> None:
        """It is published, or a newer version is; its pieces are joined."""
        shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)
        wanted = {sha256 for awaited in self.read().values() for sha256 in awaited.lock.objects()}
        for sha256 in set(self.kept.parts()) - wanted:
            self.kept.forget(sha256)

    def told(self, rows: Sequence[Awaited]) -> List[Dict[str, Any]]:
        """For playbooks and people, with what is still missing."""
        kept = {sha256: sum(part.piece.size for part in parts) for sha256, parts in self.kept.parts().items()}
        told = []
        for awaited in rows:
            sizes = {sha256: size for sha256, (size, _url) in awaited.lock.objects().items()}
            absent = [sha256 for sha256, size in sizes.items() if not self.store.has(sha256, size)]
            row = {
                "name": awaited.root.name,
                "version": awaited.root.version,
                "created": awaited.root.created,
                "volumes": list(awaited.volumes),
                "missing_volumes": awaited.missing_volumes,
                "missing_objects": len(absent),
                "missing_bytes": sum(sizes[sha256] - kept.get(sha256, 0) for sha256 in absent),
                "text": awaited.sentence(),
            }
            told.append(row)
        return told
