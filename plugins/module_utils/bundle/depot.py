# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The depot: verified media become a generation that is published beside the last one and switched to by one rename."""

from __future__ import annotations

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import fsutil
from .depot_page import render_page
from .depot_tree import KEY_FILE, Held, Tree, documents_of
from .errors import BundleError, told_plainly
from .lock import Lock, compare, stamp, summary
from .medium import THREADS, Opened, inspect
from .openpgp import Keyring, SigningKey
from .publish import apt, files, images, wheels
from .store import Store

FORMAT = 1
CURRENT = "current"
# What each kind of source publishes; a new kind is one more function here.
PUBLISHERS = (apt.publish, files.publish, images.publish, wheels.publish)


@dataclass
class DepotResult:
    """What publishing came to, or with check would come to."""

    changed: bool
    generation: int
    path: str
    key: str
    objects_copied: int
    bytes_copied: int
    bundles: Dict[str, Any]
    repositories: List[str]
    files: List[Dict[str, Any]]
    changes: List[Dict[str, Any]] = field(default_factory=list)
    before: str = ""
    after: str = ""
    removed_generations: List[int] = field(default_factory=list)


class Depot:
    """A root directory with a store, generations, and a symbolic link to the current one."""

    def __init__(self, root: str, *, key: Optional[SigningKey], title: str = "Mattermost depot", keep: int = 2) -> None:
        self.root = root
        self.key = key
        self.title = title
        self.keep = keep
        self.store = Store(os.path.join(root, "store"))

    @told_plainly
    def publish(
        self, media: Sequence[str], keyring: Keyring, *, now: float, allow_expired: bool = False, check: bool = False
    ) -> DepotResult:
        """Verify the media, take in what the store lacks, and make a generation if that is news."""
        with contextlib.ExitStack() as stack:
            if not check:
                stack.enter_context(fsutil.exclusive(os.path.join(self.root, ".lock")))
            brought = self._open(media, keyring, now, allow_expired)
            current = self._current()
            held = self._held(current)
            for volumes in brought.values():
                _refuse_rollback(volumes[0], held)
            if not brought and not held:
                raise BundleError(f"The depot {self.root} holds nothing yet, and no media are given.")
            bundles = {**held, **{name: _hold(volumes[0]) for name, volumes in brought.items()}}
            missing = self._missing(bundles)
            copied = self._import(missing, brought, check)
            result = self._result(current, held, bundles, copied)
            if not check and result.changed:
                self._switch(bundles, result, now)
        return result

    def _open(self, media: Sequence[str], keyring: Keyring, now: float, allow_expired: bool) -> Dict[str, List[Opened]]:
        """The volumes of each bundle. Objects are hashed later, while they are copied."""
        brought: Dict[str, List[Opened]] = {}
        for path in media:
            inspection = inspect(path, keyring, now=now, allow_expired=allow_expired, full=False)
            brought.setdefault(inspection.volumes[0].root.name, []).extend(inspection.volumes)
        for name, volumes in brought.items():
            if len({volume.root_sha256 for volume in volumes}) > 1:
                raise BundleError(f"The media hold different versions of the bundle {name}; give one.")
            there = {volume.index.volume for volume in volumes}
            absent = [volume.name for volume in volumes[0].root.volumes if volume.name not in there]
            if absent:
                raise BundleError(
                    f"The bundle {name} is not complete: {', '.join(absent)} is missing. Give all its media."
                )
        return brought

    def _current(self) -> Dict[str, Any]:
        """The manifest of the generation that is published now; a generation 0 when there is none."""
        path = os.path.join(self.root, CURRENT, "manifest.json")
        if not os.path.lexists(os.path.join(self.root, CURRENT)):
            return {"generation": 0, "bundles": {}, "key": ""}
        document = fsutil.load_object(fsutil.read_plain(path), path)
        if document.get("format") != FORMAT:
            raise BundleError(f"{path} is not of format {FORMAT}, the only one this version reads.")
        return document

    def _held(self, current: Dict[str, Any]) -> Dict[str, Held]:
        held = {}
        for name, facts in current["bundles"].items():
            documents = documents_of(os.path.join(self.root, CURRENT, "bundles", name))
            held[name] = Held(Lock.parse(documents["lock.json"], f"The lock of {name} in the depot"), facts, documents)
        return held

    def _missing(self, bundles: Dict[str, Held]) -> Dict[str, int]:
        needed = {sha256: told[0] for held in bundles.values() for sha256, told in held.lock.objects().items()}
        return {sha256: size for sha256, size in needed.items() if not self.store.has(sha256, size)}

    def _import(self, missing: Dict[str, int], brought: Dict[str, List[Opened]], check: bool) -> Tuple[int, int]:
        """Copy what is missing from the media, hashing in the same read. Returns objects and bytes."""
        places = {
            sha256: volume for volumes in brought.values() for volume in volumes for sha256 in volume.index.objects
        }
        absent = [sha256 for sha256 in missing if sha256 not in places]
        if absent:
            raise BundleError(f"The media do not bring {len(absent)} of the objects needed, the first is {absent[0]}.")
        if not check:
            fsutil.require_space(self.root, sum(missing.values()))

            def take(sha256: str) -> None:
                self.store.add_file(places[sha256].object_path(sha256), sha256=sha256, size=missing[sha256])

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(take, sorted(missing, key=lambda sha256: -missing[sha256])))
        return len(missing), sum(missing.values())

    def _result(
        self, current: Dict[str, Any], held: Dict[str, Held], bundles: Dict[str, Held], copied: Tuple[int, int]
    ) -> DepotResult:
        fingerprint = self.key.fingerprint if self.key is not None else ""
        told = {name: bundle.facts for name, bundle in sorted(bundles.items())}
        rekeyed = self.key is not None and fingerprint != current["key"]
        changed = told != current["bundles"] or rekeyed or copied[0] > 0
        changes = []
        for name, bundle in sorted(bundles.items()):
            before = held[name].lock if name in held else None
            changes += [{"bundle": name, **change.told()} for change in compare(before, bundle.lock)]
        return DepotResult(
            changed=changed,
            generation=current["generation"] + changed,
            path=os.path.join(self.root, CURRENT),
            key=fingerprint,
            objects_copied=copied[0],
            bytes_copied=copied[1],
            bundles=told,
            repositories=sorted({group.name for bundle in bundles.values() for group in bundle.lock.repositories}),
            files=files.told([item for _name, bundle in sorted(bundles.items()) for item in bundle.lock.items]),
            changes=changes,
            before="".join(summary(bundle.lock) for _name, bundle in sorted(held.items())),
            after="".join(summary(bundle.lock) for _name, bundle in sorted(bundles.items())),
        )

    def _switch(self, bundles: Dict[str, Held], result: DepotResult, now: float) -> None:
        """Build beside, rename into place, point the link at it, and only then remove what is too old."""
        if self.key is None:
            raise BundleError("A depot signs what it publishes: give it a signing key.")
        generations = os.path.join(self.root, "generations")
        building = os.path.join(generations, ".building")
        target = os.path.join(generations, str(result.generation))
        link = os.path.join(self.root, CURRENT)
        for leftover in (building, target):  # of a run that was killed; nothing points to them
            if os.path.lexists(leftover):
                shutil.rmtree(leftover)
        document = {
            "format": FORMAT,
            "generation": result.generation,
            "published": stamp(now),
            "key": self.key.fingerprint,
            "bundles": result.bundles,
        }
        previous = os.path.realpath(link) if os.path.lexists(link) else None
        held = [bundle for _name, bundle in sorted(bundles.items())]
        moment = max(bundle.lock.created_at for bundle in held)
        _fill(Tree(building, self.store, self.key, self.title, moment, previous), held, document)
        os.rename(building, target)
        fresh = f"{link}.new"
        fsutil.remove(fresh)
        os.symlink(os.path.join("generations", str(result.generation)), fresh)
        os.replace(fresh, link)
        result.removed_generations = self._prune(generations)

    def _prune(self, generations: str) -> List[int]:
        """Remove generations beyond those to keep, and then the objects that no kept one needs."""
        numbers = sorted(int(name) for name in os.listdir(generations) if name.isdigit())
        old, kept = numbers[: -self.keep], numbers[-self.keep :]
        for number in old:
            shutil.rmtree(os.path.join(generations, str(number)))
        needed = set()
        for number in kept:
            bundles = os.path.join(generations, str(number), "bundles")
            for name in os.listdir(bundles):
                needed |= set(Lock.read(os.path.join(bundles, name, "lock.json")).objects())
        for sha256 in list(self.store.names()) if old else ():
            if sha256 not in needed:
                os.unlink(self.store.path(sha256))
        return old


def _fill(tree: Tree, bundles: Sequence[Held], document: Dict[str, Any]) -> None:
    """Everything that the bundles amount to, with the documents they came with, a page for people and one for programs."""
    for publish in PUBLISHERS:
        document.update(publish(tree, bundles))
    for held in bundles:
        for name, data in held.documents.items():
            tree.write(f"bundles/{held.lock.name}/{name}", data)
    tree.write(KEY_FILE, tree.key.public_key())
    tree.write("index.html", render_page(tree.title, document).encode())
    tree.write("manifest.json", fsutil.dump_lines(document))


def _hold(volume: Opened) -> Held:
    root = volume.root
    facts = {
        "version": root.version,
        "created": root.created,
        "expires": root.expires,
        "root": volume.root_sha256,
        "signers": list(volume.signers),
    }
    return Held(volume.lock, facts, volume.documents)


def _refuse_rollback(volume: Opened, held: Dict[str, Held]) -> None:
    root = volume.root
    if root.name not in held:
        return
    facts = held[root.name].facts
    if root.version < facts["version"]:
        raise BundleError(
            f"The bundle {root.name} on {volume.path} is version {root.version}; the depot has version {facts['version']} "
            "already and does not go back. Bring the newest bundle."
        )
    if root.version == facts["version"] and volume.root_sha256 != facts["root"]:
        raise BundleError(
            f"The bundle {root.name} on {volume.path} has the version of the one in the depot, {root.version}, but another "
            "content. One of the two is not what its maker published: find out which."
        )
