# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The lock: a bill of materials resolved to exact things. A text a person can review, and the only input of a bundle."""

from __future__ import annotations

import calendar
import os
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, Set, Tuple, Type, TypeVar, Union

from . import fsutil
from .errors import BundleError
from .kinds import GROUPED, IMAGES, PLACED
from .names import ARCHITECTURE, NAME, PACKAGE_SPEC

FORMAT = 1
R = TypeVar("R")
_OWNERS = ("apt", "image", "chart")  # kinds that others come along with
_SECURITY = re.compile(r"listed by (?:\S+ and )*\S+(?:-security|/updates)(?: and \S+)*,")
_STAMP = "%Y-%m-%dT%H:%M:%SZ"


def human(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def stamp(moment: float) -> str:
    return time.strftime(_STAMP, time.gmtime(moment))


def moment_of(text: object, what: str) -> int:
    try:
        return calendar.timegm(time.strptime(str(text), _STAMP))
    except ValueError as error:
        raise BundleError(f"{what} has {text!r} where a time such as 2026-01-31T12:00:00Z is expected.") from error


@dataclass(frozen=True)
class Item:
    """One thing that is carried."""

    kind: str
    name: str
    size: int
    sha256: str
    url: str
    proof: str  # why it is known to be the right one; a hash in it names a piece of evidence
    version: str = ""
    group: str = ""  # the repository it is for
    architecture: str = ""
    destination: str = ""
    why: str = ""  # the package that needs it; empty when the BOM names it
    licenses: Tuple[str, ...] = ()  # as its publisher states them, where its metadata has a place for that

    @property
    def key(self) -> Tuple[str, str, str]:
        return self.kind, self.group, self.name

    @property
    def security(self) -> bool:
        """Whether a suite for security updates lists it."""
        return _SECURITY.match(self.proof) is not None


@dataclass(frozen=True)
class Evidence:
    """What proves where items come from; carried along so that the far side can check upstream again."""

    kind: str
    size: int
    sha256: str
    url: str = ""
    group: str = ""
    facts: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repository:
    """One repository that the items of its group make up."""

    name: str
    release: str
    architecture: str
    packages: Tuple[str, ...] = ()  # as the BOM names them
    stanzas: str = ""  # sha256 of the evidence with what upstream says about each package
    kind: str = "apt"


@dataclass(frozen=True)
class Withheld:
    """Something that policy kept back, or that cannot do without such a thing."""

    kind: str
    name: str
    reason: str
    version: str = ""
    group: str = ""
    because_of: str = ""  # the name that was kept back; empty when it is this one

    def told(self) -> Dict[str, Any]:
        """For playbooks, and as one line for people."""
        where = f" ({self.group})" if self.group else ""
        return {**asdict(self), "text": f"{self.kind} {self.name}{where} is withheld: {self.reason}"}


@dataclass(frozen=True)
class Lock:
    """Everything a bundle is made from."""

    name: str
    description: str
    version: int
    created: str
    expires_days: int
    request: str  # sha256 of the BOM this is the answer to
    repositories: Tuple[Repository, ...] = ()
    evidence: Tuple[Evidence, ...] = ()
    items: Tuple[Item, ...] = ()
    withheld: Tuple[Withheld, ...] = ()
    policy: Dict[str, Any] = field(default_factory=dict)  # as the BOM has it

    @property
    def created_at(self) -> int:
        return moment_of(self.created, "The lock")

    @property
    def expires_at(self) -> int:
        return self.created_at + self.expires_days * 86400

    def kept_beside(self) -> List[Evidence]:
        """Evidence that lies beside the lock. An index is large, and can be fetched by its hash like any object."""
        return [piece for piece in self.evidence if piece.kind != "index"]

    def items_of(self, repository: Repository) -> List[Item]:
        """What makes a repository up."""
        return [item for item in self.items if (item.kind, item.group) == (repository.kind, repository.name)]

    def objects(self) -> Dict[str, Tuple[int, str]]:
        """Size and URL of every object of the bundle, by sha256."""
        found = {piece.sha256: (piece.size, piece.url) for piece in self.evidence}
        found.update({item.sha256: (item.size, item.url) for item in self.items})
        return found

    def explain(self, name: str) -> List[Dict[str, Any]]:
        """Why something of that name is in the bundle, once for each repository that has it; in words, too."""
        found = []
        for item in (item for item in self.items if item.name == name):
            chain, where = self.chain(item), f" ({item.group})" if item.group else ""
            text = f"{' -> '.join(chain)}{where}" if len(chain) > 1 else f"{name}{where} is named by the BOM"
            found.append({"name": name, "kind": item.kind, "group": item.group, "chain": list(chain), "text": text})
        return found or [{"name": name, "kind": "", "group": "", "chain": [], "text": f"{name} is not in the lock"}]

    def chain(self, item: Item) -> Tuple[str, ...]:
        """From what the BOM names down to this item."""
        owners = {(other.group, other.name): other for other in self.items if other.kind in (item.kind, *_OWNERS)}
        links, why = [item.name], item.why
        while why and why not in links:
            links.insert(0, why)
            owner = owners.get((item.group, why))
            why = owner.why if owner is not None else ""
        return tuple(links)

    def dump(self) -> bytes:
        document: Dict[str, Any] = {"format": FORMAT}
        for name, value in asdict(self).items():
            document[name] = [_lean(row) for row in value] if isinstance(value, tuple) else value
        return fsutil.dump_lines(document)

    @classmethod
    def parse(cls, data: bytes, what: str) -> Lock:
        document = fsutil.load_object(data, what)
        if document.pop("format", None) != FORMAT:
            raise BundleError(f"{what} is not a lock of format {FORMAT}, the only one this version reads.")
        lists = {"repositories": Repository, "evidence": Evidence, "items": Item, "withheld": Withheld}
        for name, kind in lists.items():
            rows = document.get(name, [])
            if not isinstance(rows, list):
                raise BundleError(f"{what}: {name} is not a list.")
            document[name] = tuple(_row(kind, row, f"{what}: {name}[{number}]") for number, row in enumerate(rows))
        lock = _row(cls, document, what)
        lock.check(what)
        return lock

    @classmethod
    def read(cls, path: str) -> Lock:
        return cls.parse(fsutil.read_plain(path), path)

    def check(self, what: str) -> None:
        """Nothing later on needs to ask whether a name is safe or a digest is one."""
        moment_of(self.created, what)
        if not NAME.fullmatch(self.name) or self.version < 1 or self.expires_days < 1:
            raise BundleError(f"{what}: name, version or expires_days is not usable.")
        groups = {(repository.kind, repository.name) for repository in self.repositories}
        known = {piece.sha256 for piece in self.evidence}
        for repository in self.repositories:
            names = (repository.name, repository.release, repository.architecture)
            asked = all(isinstance(name, str) and PACKAGE_SPEC.fullmatch(name) for name in repository.packages)
            usable = repository.kind in GROUPED and repository.stanzas in known and asked
            if not (usable and all(NAME.fullmatch(name) for name in names)):
                raise BundleError(f"{what}: repository {repository.name!r} is not usable.")
        things: List[Union[Item, Evidence]] = [*self.items, *self.evidence]
        for thing in things:
            if not fsutil.is_sha256(thing.sha256) or thing.size < 0:
                raise BundleError(f"{what}: {thing!r} has no usable sha256 and size.")
        for item in self.items:
            if not all(isinstance(text, str) for text in item.licenses):
                raise BundleError(f"{what}: item {item.name!r} has licenses that are not texts.")
            if not _fits(item, groups):
                raise BundleError(f"{what}: item {item.name!r} names no place that is safe to put it.")


def _fits(item: Item, groups: Set[Tuple[str, str]]) -> bool:
    if item.kind in GROUPED:
        named = GROUPED[item.kind].fullmatch(item.name) and ARCHITECTURE.fullmatch(item.architecture or "all")
        return (item.kind, item.group) in groups and named is not None
    if item.kind in IMAGES:
        told = item.kind == "image" or item.name == f"sha256:{item.sha256}"
        return told and IMAGES[item.kind].fullmatch(item.name) is not None
    return item.kind in PLACED and fsutil.is_safe_relative(item.destination)


def _lean(row: Dict[str, Any]) -> Dict[str, Any]:
    """Without what is empty: a line is for reading."""
    return {key: value for key, value in row.items() if value not in ("", {}, ())}


def _row(kind: Type[R], row: object, what: str) -> R:
    """A dataclass from a JSON object, every field of the type the class says."""
    hints: Mapping[str, str] = kind.__annotations__
    if not isinstance(row, dict) or not set(row) <= set(hints):
        raise BundleError(f"{what} is not made of {', '.join(hints)}.")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    for name, value in values.items():
        wanted = {"str": str, "int": int, "Dict[str, Any]": dict}.get(hints[name], tuple)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise BundleError(f"{what}: {name} is {value!r}, which is not of the expected type.")
    try:
        return kind(**values)
    except TypeError as error:
        raise BundleError(f"{what} lacks a field: {error}.") from error


def evidence_path(lock_path: str, sha256: str) -> str:
    """Evidence lies beside its lock, so that the two travel together."""
    return os.path.join(f"{lock_path}.evidence", sha256)
