# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What a bundle carries, as a text that a reviewer reads and signs off; and what enters and leaves against another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Dict, Iterator, List, Optional, Sequence, Tuple

from . import licences
from .changes import Change, compare
from .lock import Item, Lock, human

_NAMES = {
    "apt": "Debian packages",
    "apt_source": "Sources of Debian packages",
    "rpm": "RPM packages",
    "image": "Container images",
    "blob": "Parts of container images",
    "chart": "Helm charts",
    "file": "Files",
    "mattermost_release": "Mattermost releases",
    "plugin": "Mattermost plugins",
    "wheel": "Python packages",
    "collection": "Ansible collections",
}
PARTS = ("blob",)  # what the digest of an item covers: its layers need no line of their own


@dataclass(frozen=True)
class Delta:
    """What a bundle builds on, and what is known to be there."""

    root: str = ""
    version: int = 0
    held: AbstractSet[str] = frozenset()


def render_contents(lock: Lock, digest: str, delta: Delta) -> bytes:
    """Everything the lock (of this sha256) names. What this bundle brings is marked, and so are security updates."""
    carried = {item.sha256: item.size for item in lock.items if item.sha256 not in delta.held}
    known = sum(1 for item in lock.items if item.sha256 in delta.held)
    head = f"Contents of the bundle {lock.name}, version {lock.version}"
    base = f"version {delta.version}, root {delta.root}" if delta.root else "nothing: it is complete"
    rows = [
        ("made", f"{lock.created}, accepted for {lock.expires_days} days"),
        ("for", " ".join(lock.description.split())),
        ("lock", f"sha256 {digest}"),
        ("builds on", base),
        ("brings", f"{len(carried)} objects, {human(sum(carried.values()))}, besides what proves their origin"),
        ("known", f"{known} items are there already" if delta.root else ""),
    ]
    lines = [head, "=" * len(head), ""]
    lines += [f"{name:<10} {value}" for name, value in rows if value]
    lines += ["", "+ enters with this bundle   S is a security update"]
    for title, items in _sections(lock):
        lines += ["", *_table(title, items, delta)]
    lines += [
        *_withheld(lock),
        *_unjudged(lock),
        "",
        *_origins(lock),
        "",
        "Reviewed by ______________________  on ____________  signature ______________________",
    ]
    return ("\n".join(_printable(line) for line in lines) + "\n").encode()


def _sections(lock: Lock) -> Iterator[Tuple[str, List[Item]]]:
    """Items by kind and repository, in a fixed order."""
    groups: Dict[Tuple[str, str], List[Item]] = {}
    for item in lock.items:
        groups.setdefault((item.kind, item.group), []).append(item)
    facts = {(repository.kind, repository.name): repository for repository in lock.repositories}
    for kind, group in sorted(groups):
        title, repository = _NAMES.get(kind, kind), facts.get((kind, group))
        if repository is not None:
            title += f" of {group} ({repository.release}, {repository.architecture})"
        yield title, sorted(groups[kind, group], key=lambda item: (item.name, item.version, item.sha256))


def _table(title: str, items: List[Item], delta: Delta) -> List[str]:
    updates = sum(1 for item in items if item.security)
    marked = f", {updates} of them security updates" if updates else ""
    head = f"{title}: {len(items)}, {human(sum(item.size for item in items))}{marked}"
    lines = [head, "-" * len(head)]
    for item in items if items[0].kind not in PARTS else ():
        enters = " " if item.sha256 in delta.held else "+"
        urgent = "S" if item.security else " "
        told = " ".join(part for part in (item.name, item.version, item.architecture, item.destination) if part)
        lines.append(f"{enters}{urgent} {told}, {human(item.size)}")
        lines.append(f"     sha256 {item.sha256}")
        lines += [f"     licence {'; '.join(item.licenses)}"] if item.licenses else []
        lines.append(f"     {'needed by ' + item.why if item.why else 'named in the bill of materials'}; {item.proof}")
    return lines


def _withheld(lock: Lock) -> List[str]:
    if not lock.withheld:
        return []
    title = f"Kept back: {len(lock.withheld)}"
    rows = []
    for row in lock.withheld:
        because = f", which needs {row.because_of}" if row.because_of else ""
        rows.append(f"   {row.name} {row.version}{because}: {row.reason}")
    return ["", title, "-" * len(title), *rows]


def _unjudged(lock: Lock) -> List[str]:
    rows = licences.unjudged(lock)
    title = "Licences that policy did not judge"
    return ["", title, "-" * len(title), *(f"   {row}" for row in rows)] if rows else []


def _origins(lock: Lock) -> List[str]:
    """Who vouches for what: the signed metadata of publishers and their keys."""
    rows = []
    for piece in sorted(lock.evidence, key=lambda piece: (piece.kind, piece.group, piece.url, piece.sha256)):
        facts = piece.facts
        signers = facts.get("signed_by", [])
        if signers:
            named = facts.get("suite") or facts.get("of") or piece.kind
            date = f" of {facts['date']}" if "date" in facts else ""
            rows.append(f"   {named}{date}, {piece.url}")
            rows.append(f"     {piece.kind} {piece.sha256}")
            rows.append(f"     signed by {', '.join(str(signer) for signer in signers)}")
    title = "Who vouches"
    return (
        [title, "-" * len(title), *rows] if rows else [title, "-" * len(title), "   nobody but the bill of materials"]
    )


def _printable(line: str) -> str:
    """Nothing that came from outside may move the cursor of whoever reads this."""
    return line if line.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in line)


def render_changes(old: Optional[Lock], new: Lock) -> str:
    """The same for people."""
    changes = compare(old, new)
    before = f"version {old.version}" if old is not None else "nothing"
    counts = [f"{_count(changes, kind)} {kind}" for kind in ("added", "changed", "removed")]
    urgent = sum(1 for change in changes if change.security)
    head = f"{new.name}: from {before} to version {new.version}"
    lines = [head, "=" * len(head), "", f"{', '.join(counts)}; {urgent} security updates", ""]
    return "\n".join([*lines, *(_printable(str(change.told()["text"])) for change in changes)]) + "\n"


def _count(changes: Sequence[Change], kind: str) -> int:
    return sum(1 for change in changes if change.change == kind)
