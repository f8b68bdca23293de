# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The dependency closure over several indexes at once, for a target that need not be this machine.

Newest version over all suites of the same priority, single dependencies before alternatives, so that an alternative
which something else needs anyway is not taken twice. It does not backtrack: apt stays the judge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Deque, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..errors import BundleError
from .apt_index import Index, Package
from .debian import Relation, version_key

_NEEDS = ("Pre-Depends", "Depends")
_REFUSES = ("Conflicts", "Breaks")
_IMPORTANCE = {"required": 0, "important": 1, "standard": 2, "optional": 3}


@dataclass(frozen=True)
class Layer:
    """One index and how apt ranks its suite: 500, or less for suites that are not automatic."""

    index: Index
    priority: int = 500


@dataclass(frozen=True)
class Need:
    """A dependency that has to be met, and the package that has it."""

    alternatives: Tuple[Relation, ...]
    owner: str


class Resolver:
    """Chooses packages until every dependency of every chosen one is met."""

    def __init__(self, layers: Sequence[Layer], *, architecture: str, exclude: Iterable[str] = ()) -> None:
        self.layers = layers
        self.architecture = architecture
        self.exclude = frozenset(exclude)
        self.chosen: Dict[str, Package] = {}
        self.why: Dict[str, str] = {}
        self._stands_in: Dict[str, List[str]] = {}
        self._candidates: Dict[str, Optional[Package]] = {}
        self._needs: Deque[Need] = deque()
        self._later: Deque[Need] = deque()

    def resolve(self, wanted: Iterable[str]) -> Dict[str, Package]:
        """The wanted packages and all they need, by name."""
        names = [self._real(name) for name in wanted]
        for name in names:
            self._choose(name, "")
        while self._needs or self._later:
            if self._needs:
                self._meet_single(self._needs.popleft())
            else:
                self._meet_any(self._later.popleft())
        return dict(sorted(self.chosen.items()))

    def _real(self, name: str) -> str:
        """A name of the BOM, or the one package that provides it."""
        if self.candidate(name) is not None:
            return name
        providers = sorted(owner for owner in self._providers(name) if self._provides(owner, Relation(name)))
        if len(providers) == 1:
            return providers[0]
        hint = f" It is provided by {', '.join(providers)}: name one of them." if providers else ""
        raise BundleError(f"No suite has a package named {name} for {self.architecture}.{hint}")

    def candidate(self, name: str) -> Optional[Package]:
        """The version that apt would install: highest priority, then highest version, then first source."""
        if name not in self._candidates:
            self._candidates[name] = self._find(name)
        return self._candidates[name]

    def _find(self, name: str) -> Optional[Package]:
        best: Optional[Package] = None
        for origin, layer in enumerate(self.layers):
            for stanza in layer.index.stanzas(name):
                package = Package(name, "", stanza, origin, layer.priority)
                package = Package(name, package.fields.get("Version", ""), stanza, origin, layer.priority)
                if package.fields.get("Architecture") in (self.architecture, "all") and _beats(package, best):
                    best = package
        return best

    def _choose(self, name: str, owner: str) -> None:
        package = self.candidate(name)
        if name in self.chosen or package is None:
            return
        self.chosen[name] = package
        self.why[name] = owner
        for virtual, _version in package.provides():
            self._stands_in.setdefault(virtual, []).append(name)
        self._needs.extend(Need(tuple(group), name) for group in package.relations(*_NEEDS))

    def _meet_single(self, need: Need) -> None:
        """Alternatives, and names that something else may stand for, wait until all that is certain has been chosen."""
        relation = need.alternatives[0]
        if len(need.alternatives) == 1 and not self._providers(relation.name) and self._suits(relation):
            self._choose(relation.name, need.owner)
        else:
            self._later.append(need)

    def _meet_any(self, need: Need) -> None:
        if any(self._is_met(relation) for relation in need.alternatives):
            return
        for relation in need.alternatives:
            name = self._pick(relation)
            if name:
                self._choose(name, need.owner)
                return
        wanted = " | ".join(str(relation) for relation in need.alternatives)
        raise BundleError(
            f"Cannot meet a dependency: {' -> '.join(self.chain(need.owner))} needs {wanted}, {self._reason(need)}."
        )

    def chain(self, name: str) -> List[str]:
        """From a package of the BOM down to this one."""
        links = [name]
        while self.why.get(links[0]):
            links.insert(0, self.why[links[0]])
        return links

    def _reason(self, need: Need) -> str:
        package = self.candidate(need.alternatives[0].name)
        return f"but the suites have version {package.version}" if package else "which no suite has"

    def _suits(self, relation: Relation) -> bool:
        package = self.candidate(relation.name)
        native = relation.architecture in ("", "any", "native", self.architecture)
        return native and relation.name not in self.exclude and package is not None and relation.allows(package.version)

    def _is_met(self, relation: Relation) -> bool:
        if relation.name in self.exclude:
            return True
        if relation.name in self.chosen:
            return self._suits(relation)
        return any(self._provides(name, relation) for name in self._stands_in.get(relation.name, ()))

    def _providers(self, name: str) -> Set[str]:
        return {owner for layer in self.layers for owner in layer.index.provided.get(name, ())}

    def _provides(self, name: str, relation: Relation) -> bool:
        package = self.candidate(name)
        return package is not None and _stands_for(package, relation)

    def _pick(self, relation: Relation) -> str:
        """The package of that name, else who provides it: the most important one, then the first in the alphabet."""
        if self._suits(relation):
            return relation.name
        fit = [name for name in self._providers(relation.name) - self.exclude if self._provides(name, relation)]
        return min(fit, key=self._rank, default="")

    def _rank(self, name: str) -> Tuple[int, str]:
        package = self.candidate(name)
        return _IMPORTANCE.get(package.fields.get("Priority", "") if package else "", 4), name

    def conflicts(self) -> List[str]:
        """Pairs in the closure that cannot be installed on one host. A depot may hold both, so they are only told."""
        found: Set[Tuple[str, str]] = set()
        for package in self.chosen.values():
            for group in package.relations(*_REFUSES):
                for name in {group[0].name, *self._stands_in.get(group[0].name, ())} & set(self.chosen) - {
                    package.name
                }:
                    other = self.chosen[name]
                    direct = name == group[0].name and group[0].allows(other.version)
                    if direct or _stands_for(other, group[0]):
                        found.add((min(package.name, name), max(package.name, name)))
        return [f"{first} and {second} cannot be installed on the same host." for first, second in sorted(found)]


def _beats(package: Package, best: Optional[Package]) -> bool:
    if best is None:
        return True
    return (package.priority, version_key(package.version)) > (best.priority, version_key(best.version))


def _stands_for(package: Package, relation: Relation) -> bool:
    """Whether a package provides what a relation asks for: with a version only if it provides that version."""
    for name, version in package.provides():
        if name == relation.name and (not relation.operator or (version and relation.allows(version))):
            return True
    return False
