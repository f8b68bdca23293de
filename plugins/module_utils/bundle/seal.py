# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Writes the volumes of a bundle: objects, documents, indexes, and at the very end the root that is signed."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Sequence, Set, Tuple

from . import fsutil, manifest, pieces
from .documents import Documents, Standing, volumes_at
from .errors import BundleError
from .lock import stamp
from .manifest import Index, Piece, Root, Volume
from .openpgp import SigningKey
from .store import Store, object_path
from .volumes import Plan, blocks

Files = Dict[str, bytes]


class Sealer:
    """Volumes as they are planned, of which perhaps only some are wanted. What is there already is left as it is."""

    def __init__(
        self,
        *,
        path: str,
        key: SigningKey,
        store: Store,
        documents: Documents,
        plans: Sequence[Plan],
        wanted: Sequence[Plan],
    ) -> None:
        self.path = path
        self.key = key
        self.store = store
        self.documents = documents
        self.plans = plans
        self.wanted = wanted
        self.lock = documents.lock
        self.standing = Standing(path, key)

    def run(self, fetched: Set[str]) -> Tuple[str, bool]:
        """Objects first, the signed root last, and then what no longer belongs is removed. Returns the root's sha256."""
        self._refuse_contradiction(self.standing.fits(self.plans, self.lock.version))
        fsutil.make_directory(self.path)
        self._require_room(fetched)
        changed = self._place_objects(fetched)
        cut, made = pieces.cut_all(self.store, self.plans, self.targets(), self.standing.pieces(), fetched)
        contents = {plan.name: self._files(plan, cut.get(plan.name, [])) for plan in self.plans}
        root = self._root(contents)
        self._refuse_contradiction(not self.standing.contradicts(root))
        data = root.dump()
        last = {manifest.SIGNATURE: self.standing.sign_root(data, self.lock.created_at), manifest.ROOT: data}
        for plan in self.wanted:
            changed |= self._write(plan, contents[plan.name])
        for plan in self.wanted:
            changed |= self._write(plan, last)
        return fsutil.sha256_bytes(data), self._prune(contents) or changed or made

    def targets(self) -> Dict[Tuple[str, int], str]:
        """Where the pieces of the wanted volumes go, by object and number."""
        return {
            (cut.of, cut.number): os.path.join(self.path, plan.name, cut.path)
            for plan in self.wanted
            for cut in plan.cuts
        }

    def _refuse_contradiction(self, fits: bool) -> None:
        """A volume that is made again alone has to go with those that were not."""
        if len(self.wanted) < len(self.plans) and not fits:
            raise BundleError(
                f"{', '.join(plan.name for plan in self.wanted)} of {self.lock.name} cannot be made again alone: the volumes "
                "that are there were made with another size, base or key. Give the same ones, or make all volumes."
            )

    def _require_room(self, fetched: Set[str]) -> None:
        """Pieces are always copies, objects only where the store is on another file system."""
        needed = sum(
            blocks(cut.size)
            for plan in self.wanted
            for cut in plan.cuts
            if fsutil.size_of(os.path.join(self.path, plan.name, cut.path)) != cut.size
        )
        if os.stat(self.path).st_dev != os.stat(self.store.root).st_dev:
            needed += sum(blocks(size) for _sha256, size, _target in self._absent(fetched))
        if needed:
            fsutil.require_space(self.path, needed + len(self.wanted) * self.documents.room())

    def _absent(self, fetched: Set[str]) -> List[Tuple[str, int, str]]:
        """Objects to be placed. What was just fetched is placed anew: it may replace a damaged one that a volume links to."""
        wanted = [
            (sha256, size, os.path.join(self.path, plan.name, object_path(sha256)))
            for plan in self.wanted
            for sha256, size in plan.objects.items()
        ]
        return [row for row in wanted if row[0] in fetched or fsutil.size_of(row[2]) != row[1]]

    def _place_objects(self, fetched: Set[str]) -> bool:
        absent = self._absent(fetched)

        def place(row: Tuple[str, int, str]) -> None:
            sha256, size, target = row
            fsutil.link_or_copy(self.store.path(sha256), target, sha256=sha256, size=size)

        with ThreadPoolExecutor(fsutil.THREADS) as pool:
            list(pool.map(place, absent))
        return bool(absent)

    def _files(self, plan: Plan, cut: List[Piece]) -> Files:
        """All documents of a volume but root and signature, the index last."""
        files = dict(self.documents.common)
        for name, data, signed in self.documents.apt(plan.objects):
            moment = self.lock.created_at
            files[name] = self.standing.sign_release(plan.name, name, data, moment) if signed else data
        index = Index(
            bundle=self.lock.name,
            version=self.lock.version,
            volume=plan.name,
            objects=plan.objects,
            files={name: (fsutil.sha256_bytes(data), len(data)) for name, data in files.items()},
            pieces=tuple(cut),
        )
        return {**files, manifest.INDEX: index.dump()}

    def _root(self, contents: Dict[str, Files]) -> Root:
        volumes = []
        for plan in self.plans:
            documents = sum(len(data) for name, data in contents[plan.name].items() if name != manifest.INDEX)
            index = fsutil.sha256_bytes(contents[plan.name][manifest.INDEX])
            count = len(plan.objects) + len(plan.cuts)
            volumes.append(Volume(plan.name, index, count, documents + plan.bytes))
        lock = self.lock
        return Root(
            lock.name,
            lock.version,
            lock.created,
            stamp(lock.expires_at),
            self.documents.digest(manifest.LOCK),
            tuple(volumes),
            base=self.documents.delta.root,
            base_version=self.documents.delta.version,
            sbom=self.documents.digest(manifest.SBOM),
            contents=self.documents.digest(manifest.CONTENTS),
        )

    def _write(self, plan: Plan, files: Files) -> bool:
        path = os.path.join(self.path, plan.name)
        changed = False
        for name, data in files.items():
            changed |= fsutil.write_if_changed(os.path.join(path, name), data)
        return changed

    def _prune(self, contents: Dict[str, Files]) -> bool:
        """Take out of the volumes what their indexes do not name, and volumes that the root does not."""
        removed = False
        for plan in self.wanted:
            names: Set[str] = {manifest.ROOT, manifest.SIGNATURE, *contents[plan.name], *plan.paths()}
            removed |= _prune_volume(os.path.join(self.path, plan.name), names)
        for name in set(volumes_at(self.path)) - set(contents):
            shutil.rmtree(os.path.join(self.path, name))
            removed = True
        return removed


def _prune_volume(path: str, wanted: Set[str]) -> bool:
    removed = False
    for folder, _folders, names in os.walk(path, topdown=False):
        for name in names:
            place = os.path.join(folder, name)
            if os.path.relpath(place, path) not in wanted:
                os.unlink(place)
                removed = True
        if not os.listdir(folder):
            os.rmdir(folder)
    return removed
