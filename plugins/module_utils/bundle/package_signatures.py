# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The vendors' own signatures inside rpm packages, checked when the packages have come in and before a bundle is made of them."""

from __future__ import annotations

from typing import Dict, Set

from . import fsutil, rpmkeys, yumrepo
from .lock import Lock, Repository
from .store import Store

_STATE = "rpm-signatures.json"


def check_packages(lock: Lock, store: Store) -> None:
    """Each package that is here has to be signed by a key of its source. What was seen to be good is not read again."""
    repositories = [repository for repository in lock.repositories if repository.kind == "rpm"]
    if not repositories:
        return
    good: Dict[str, Set[str]] = store.recall(
        _STATE, lambda told: {keys: set(packages) for keys, packages in told["good"].items()}
    )
    try:
        for repository in repositories:
            _check_repository(lock, repository, store, good)
    finally:
        store.note(_STATE, {"good": {keys: sorted(packages) for keys, packages in good.items()}})


def _check_repository(lock: Lock, repository: Repository, store: Store, good: Dict[str, Set[str]]) -> None:
    description = yumrepo.read_description(lock, repository, store.read(repository.stanzas) or b"")
    sizes = {item.sha256: item.size for item in lock.items_of(repository)}
    for number, source in enumerate(description.sources):
        packages = [package for package in description.packages if package.source == number and not source.unsigned]
        seen = good.setdefault(fsutil.sha256_bytes("".join(source.keys).encode()), set())
        fresh = {
            yumrepo.package_file(package): package.sha256
            for package in packages
            if package.sha256 not in seen and store.has(package.sha256, sizes[package.sha256])
        }
        if fresh:
            paths = {file: store.path(sha256) for file, sha256 in fresh.items()}
            rpmkeys.check(paths, source.keys, what=f"rpm repository {repository.name}")
            seen.update(fresh.values())
