# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The proof of a generation before anybody can use it: apt and dnf themselves resolve from its directory, signatures and all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, Iterator, List, Sequence, Set, Tuple
from urllib.parse import quote

from .depot_tree import KEY_FILE, Held, Tree
from .errors import BundleError
from .lock import Item, Lock, Repository
from .publish import rpm
from .sources import apt_judge, dnf_judge

_BATCH = 4000  # packages on one command line
_FOUND = re.compile(r"^'[^']*' \S+ \d+ SHA256:([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Proof:
    """What came of it for one repository."""

    repository: str  # its directory below the generation
    proven: bool
    told: str
    input: str = ""  # what the directory was made of when it was proven


@dataclass(frozen=True)
class Subject:
    """One repository of a generation, and what it has to be able to install."""

    name: str
    kind: str
    architecture: str
    release: str
    path: str  # of its directory
    key: str  # of the file with the depot's public key
    packages: Tuple[str, ...]  # that bills of materials name
    items: Tuple[Item, ...]
    status: str  # what the lock leaves out because its targets have it, as dpkg tells of such

    @property
    def place(self) -> str:
        return f"{self.kind}/{self.name}"


def prove(tree: Tree, bundles: Sequence[Held], *, mode: str) -> List[Dict[str, Any]]:
    """Prove each repository, but one that is the same as in the last generation and was proven there."""
    known = {row["repository"]: row for row in tree.earlier.get("proofs", []) if row["proven"]}
    told: List[Dict[str, Any]] = []
    for subject in _subjects(tree, bundles):
        made_of, row = tree.inputs.get(subject.place, ""), known.get(subject.place)
        if row is None or row["input"] != made_of or mode == "never":
            row = asdict(_prove(subject, mode, made_of))
        told.append(row)
    return told


def _prove(subject: Subject, mode: str, made_of: str) -> Proof:
    place, (programs, judge) = subject.place, _JUDGES[subject.kind]
    if mode == "never":
        return Proof(place, False, "proving is switched off")
    absent = next((program for program in programs if not shutil.which(program)), None)
    if absent is not None:
        if mode == "always":
            raise BundleError(
                f"{place} cannot be proven: {absent} is not on this host. Install it, or prove what can be proven (auto)."
            )
        return Proof(place, False, f"{absent} is not on this host")
    try:
        with tempfile.TemporaryDirectory(prefix="fieldops-prove-") as root:
            return Proof(place, True, judge(subject, root), made_of)
    except BundleError as error:
        raise BundleError(
            f"{place} is not published: {error} What was published before stays, and the objects are kept."
        ) from error


def _prove_apt(subject: Subject, root: str) -> str:
    """On a target as the lock was made for, mostly an empty one, apt would install what is named; it finds the rest too."""
    key = shutil.copyfile(subject.key, os.path.join(root, "key.asc"))
    line = f"deb [signed-by={key}] file:{quote(subject.path)} {subject.name} main\n"
    apt = apt_judge.Apt(root, sources=line, architecture=subject.architecture, status=subject.status)
    apt.update()
    _find_all(apt, subject.items)
    installed, why_not = apt.install(subject.packages)
    if why_not:  # some may exclude each other; then every one has to do alone
        for name in subject.packages:
            alone, why_not = apt.install([name])
            if why_not:
                raise BundleError(f"apt would not install {name} from it: {why_not}.")
            installed.update(alone)
    more = len(set(installed) - set(subject.packages))
    return f"apt would install the {len(subject.packages)} packages named, with {more} that they need"


def _find_all(apt: apt_judge.Apt, items: Sequence[Item]) -> None:
    found: Set[str] = set()
    for start in range(0, len(items), _BATCH):
        names = [f"{item.name}={item.version}" for item in items[start : start + _BATCH]]
        status, said = apt.run("-o", "Acquire::ForceHash=SHA256", "--print-uris", "download", *names)
        if status:
            raise BundleError(f"apt does not find all packages in it: {apt_judge.words(said)}.")
        found.update(_FOUND.findall(said))
    absent = [item for item in items if item.sha256 not in found]
    if absent:
        raise BundleError(f"apt does not find {absent[0].name} {absent[0].version} in it.")


def _prove_rpm(subject: Subject, root: str) -> str:
    """The same by dnf, which checks the depot's signature and the vendors'."""
    signed = not os.path.exists(os.path.join(subject.path, rpm.UNSIGNED))
    keys = [subject.key, os.path.join(subject.path, rpm.KEYS)]
    dnf = dnf_judge.Dnf(
        root, subject.path, keys=keys, release=subject.release, architecture=subject.architecture, gpgcheck=signed
    )
    return dnf_judge.prove(dnf, subject.packages, subject.items)


# What judges each kind of repository: the program that has to be here, and what is asked of it.
_JUDGES: Dict[str, Tuple[Tuple[str, ...], Callable[[Subject, str], str]]] = {
    "apt": (("apt-get",), _prove_apt),
    "rpm": (("dnf", "rpmkeys"), _prove_rpm),  # Debian's dnf comes without what checks packages
}


def _subjects(tree: Tree, bundles: Sequence[Held]) -> List[Subject]:
    """One for each repository; what several bundles bring for it is judged as one."""
    found: Dict[Tuple[str, str], Subject] = {}
    for lock in (held.lock for held in bundles):
        for repository in (repository for repository in lock.repositories if repository.kind in _JUDGES):
            where = (repository.kind, repository.name)
            before = found.get(where)
            items = {item.sha256: item for item in (before.items if before else ())}
            items.update({item.sha256: item for item in lock.items_of(repository)})
            found[where] = Subject(
                name=repository.name,
                kind=repository.kind,
                architecture=repository.architecture,
                release=repository.release,
                path=os.path.join(tree.path, repository.kind, repository.name),
                key=os.path.join(tree.path, KEY_FILE),
                packages=tuple(sorted({*repository.packages, *(before.packages if before else ())})),
                items=tuple(items.values()),
                status="\n".join([*([before.status] if before else []), *_status(tree, lock, repository)]),
            )
    return [found[where] for where in sorted(found)]


def _status(tree: Tree, lock: Lock, repository: Repository) -> Iterator[str]:
    for piece in lock.evidence:
        if (piece.kind, piece.group) == ("status", repository.name):
            yield (tree.store.read(piece.sha256) or b"").decode("utf-8", "replace")
