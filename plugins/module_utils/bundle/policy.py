# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is kept back, and all that cannot do without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from . import aptrepo, fsutil, yumneeds, yumrepo
from .boms.policy import pattern_for
from .lock import Item, Lock, Repository, Withheld
from .oci import Document
from .sources.debian import parse_relations, parse_stanza

Read = Callable[[str], Optional[bytes]]  # an object by its sha256
Key = Tuple[str, str, str]
_NEEDS = ("Pre-Depends", "Depends")
_KNOWN_BY_OWNER = ("wheel", "collection", "chart")
# How to say again what upstream says of packages, when some are withheld.
_TEXTS = {
    "apt": aptrepo.stanzas_without,
    "apt_source": aptrepo.source_stanzas_without,
    "rpm": yumrepo.description_without,
}


def forbidden(lock: Lock, patterns: Sequence[str]) -> Dict[str, str]:
    """Objects of a lock that must not be carried, and why. A name is that of an item, or of its file on the depot."""
    found = {}
    for item in lock.items if patterns else ():
        names = (item.name, item.destination.rpartition("/")[2])
        pattern = next(filter(None, (pattern_for(name, patterns) for name in names if name)), "")
        if pattern and item.kind != "blob":
            found[item.sha256] = f"policy.must_not_contain: {pattern}"
    return found


def refusal(lock: Lock, reasons: Mapping[str, str]) -> str:
    """What stands in the way of the bundle, all of it."""
    told = []
    for item in lock.items:
        if item.sha256 in reasons:
            *owners, name = lock.chain(item)
            needs = f", but {' -> '.join(owners)} needs it" if owners else ""
            told.append(f"{item.kind} {name} must not be carried ({reasons[item.sha256]}){needs}.")
    return "\n".join(told)


def withhold(lock: Lock, reasons: Mapping[str, str], read: Read) -> Tuple[Lock, List[bytes]]:
    """The lock without these objects and without what needs them, and the evidence that is new because of it."""
    rows = {item.key: _row(item, reasons[item.sha256]) for item in lock.items if item.sha256 in reasons}
    grown = -1
    while len(rows) > grown:
        grown = len(rows)
        for item, culprit in _dependants(lock, set(rows), read):
            rows.setdefault(item.key, _row(item, f"needs {culprit}", culprit))
    kept = _without_orphans([item for item in lock.items if item.key not in rows], set(rows), read)
    slim = replace(lock, items=kept, withheld=(*lock.withheld, *(rows[key] for key in sorted(rows))))
    return _with_stanzas(slim, lock, read)


def _row(item: Item, reason: str, because_of: str = "") -> Withheld:
    return Withheld(item.kind, item.name, reason, item.version, item.group, because_of)


def _dependants(lock: Lock, gone: Set[Key], read: Read) -> Iterator[Tuple[Item, str]]:
    """What cannot be used without something that is withheld, as far as its kind tells."""
    for repository in lock.repositories:
        if repository.kind == "apt":
            yield from _broken_packages(lock, repository, gone, read)
        if repository.kind == "rpm":
            yield from yumneeds.broken(lock, repository, gone, read(repository.stanzas) or b"")
    yield from _broken_sources(lock, gone)
    yield from _broken_images(lock, gone, read)
    yield from _owners(lock, gone)


def _owners(lock: Lock, gone: Set[Key]) -> Iterator[Tuple[Item, str]]:
    """Of kinds whose needs are not looked up again: what the lock says the item came for."""
    needed = {(item.kind, item.group, item.why): item.name for item in lock.items if item.key in gone and item.why}
    for item in lock.items:
        if item.kind in _KNOWN_BY_OWNER and item.key in needed:
            yield item, needed[item.key]


def _broken_packages(lock: Lock, repository: Repository, withheld: Set[Key], read: Read) -> Iterator[Tuple[Item, str]]:
    """Packages of which some dependency was met in the bundle, and is not any more."""
    stanzas = aptrepo.read_stanzas(lock, repository, read(repository.stanzas) or b"")
    names: Dict[str, Set[str]] = {}  # what stands for a name
    for item in lock.items_of(repository):
        names.setdefault(item.name, set()).add(item.name)
        for group in parse_relations(parse_stanza(stanzas[item.sha256]).get("Provides", "")):
            names.setdefault(group[0].name, set()).add(item.name)
    gone = {name for kind, group, name in withheld if (kind, group) == ("apt", repository.name)}
    for item in lock.items_of(repository) if gone else ():
        if item.name not in gone:
            fields = parse_stanza(stanzas[item.sha256])
            for group in [group for name in _NEEDS for group in parse_relations(fields.get(name, ""))]:
                stood = {owner for relation in group for owner in names.get(relation.name, ())}
                if stood and stood <= gone:
                    yield item, min(stood)
                    break


def _broken_sources(lock: Lock, gone: Set[Key]) -> Iterator[Tuple[Item, str]]:
    """A source package is several files, all or none of them; what they are there for tells which belong together."""
    culprits = {
        (item.group, item.why): item.name for item in lock.items if item.kind == "apt_source" and item.key in gone
    }
    for item in lock.items:
        if item.kind == "apt_source" and (item.group, item.why) in culprits and item.key not in gone:
            yield item, culprits[item.group, item.why]


def _broken_images(lock: Lock, gone: Set[Key], read: Read) -> Iterator[Tuple[Item, str]]:
    hashes = {item.sha256: item.name for item in lock.items if item.key in gone}
    for item in lock.items if hashes else ():
        culprit = next((hashes[digest] for digest in _reachable(item, read) if digest in hashes), "")
        if culprit and item.key not in gone:
            yield item, culprit


def _reachable(image: Item, read: Read) -> Iterator[str]:
    """Hashes of all that an image is made of, from its manifest down, itself included. Platforms that stay away are not."""
    waiting, seen = [image.sha256] if image.kind == "image" else [], set()
    while waiting:
        sha256 = waiting.pop()
        data = read(sha256)
        if data is not None and sha256 not in seen:
            document = Document.parse(data, f"The manifest {sha256} of {image.name}")
            waiting += [child.sha256 for child in document.children]
            yield from (blob.sha256 for blob in document.blobs)
        seen.add(sha256)
        yield sha256


def _without_orphans(items: Sequence[Item], gone: Set[Key], read: Read) -> Tuple[Item, ...]:
    """Pieces of images go with the image they came for, unless another one needs them."""
    images = {name for kind, _group, name in gone if kind == "image"}
    if not images:
        return tuple(items)
    needed = {sha256 for item in items for sha256 in _reachable(item, read)}
    return tuple(item for item in items if item.kind != "blob" or item.why not in images or item.sha256 in needed)


def _with_stanzas(slim: Lock, full: Lock, read: Read) -> Tuple[Lock, List[bytes]]:
    """What upstream says of the packages has to be of just those that are left."""
    fresh: List[bytes] = []
    evidence, repositories = list(slim.evidence), []
    for repository in full.repositories:
        text = _TEXTS[repository.kind](full, slim, repository, read(repository.stanzas) or b"")
        digest = fsutil.sha256_bytes(text)
        if digest != repository.stanzas:
            fresh.append(text)
            old = next(
                piece for piece in evidence if (piece.sha256, piece.group) == (repository.stanzas, repository.name)
            )
            evidence[evidence.index(old)] = replace(old, sha256=digest, size=len(text))
            repository = replace(repository, stanzas=digest)
        repositories.append(repository)
    return replace(slim, evidence=tuple(evidence), repositories=tuple(repositories)), fresh
