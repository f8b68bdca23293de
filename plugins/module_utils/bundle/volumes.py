# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which object goes on which volume: first fit over whole objects, the largest first. The same input gives the same volumes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from .errors import BundleError
from .lock import human
from .manifest import piece_path
from .store import object_path

BLOCK = 4096  # what even the smallest file takes on a medium
ROW = 320  # what the index of a volume says of one object at most, or of one piece
_ROOT_ROW = 200  # what the root says of one volume at most
_ROOT = 4 * BLOCK
_SIGNATURES = 4 * BLOCK
_PREFIXES = 256  # directories of objects
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKMGT]i?)?B?")
_UNITS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Bytes out of what people write: 4.7GB is what is printed on a disc (powers of 1000), 4.7GiB counts in 1024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or float(match.group(1)) == 0:
        raise BundleError(f"{text!r} is not a size such as 4.7GB, 700MB or 25GiB.")
    unit = match.group(2) or ""
    return int(float(match.group(1)) * (1024 if unit.endswith("i") else 1000) ** _UNITS.get(unit[:1], 0))


@dataclass(frozen=True)
class Entry:
    """An object to be placed, and how many bytes the documents of its volume tell about it."""

    sha256: str
    size: int
    told: int = 0


@dataclass(frozen=True)
class Cut:
    """Where an object is cut; the piece's own hash is known once that is done."""

    of: str
    number: int
    offset: int
    size: int

    @property
    def path(self) -> str:
        """Where the piece lies, relative to its volume."""
        return piece_path(self.of, self.number)


@dataclass
class Plan:
    """What one volume is to hold."""

    name: str
    free: Optional[int] = None  # None where there is no limit
    objects: Dict[str, int] = field(default_factory=dict)
    cuts: List[Cut] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(self.objects.values()) + sum(cut.size for cut in self.cuts)

    def paths(self) -> Dict[str, int]:
        """Where its objects and pieces lie, and their sizes."""
        found = {object_path(sha256): size for sha256, size in self.objects.items()}
        return {**found, **{cut.path: cut.size for cut in self.cuts}}


def blocks(size: int) -> int:
    """The room a file takes."""
    return -(-size // BLOCK) * BLOCK


def lay_out(entries: Sequence[Entry], *, volume_size: Optional[int], documents: int) -> List[Plan]:
    """Volumes that hold all entries; documents is the room of what lies on each of them, whatever else it holds."""
    if volume_size is None:
        return [Plan(_name(1), None, {entry.sha256: entry.size for entry in entries})]
    room = volume_size - documents - _fixed(entries, volume_size)
    if room < volume_size // 2 or room < 2 * BLOCK:
        least = 2 * (volume_size - room)
        raise BundleError(
            f"Volumes of {human(volume_size)} are too small for this bundle: the documents that lie on each of them take "
            f"{human(volume_size - room)}. Give at least {human(least)}."
        )
    plans: List[Plan] = []
    for size, cut, entry in sorted(_cut(entries, room), key=lambda row: (-row[0], row[2].sha256, row[1].number)):
        needed = _room_of(size, entry)
        plan = next((plan for plan in plans if (plan.free or 0) >= needed), None)
        if plan is None:
            plan = Plan(_name(len(plans) + 1), room)
            plans.append(plan)
        plan.free = (plan.free or 0) - needed
        if cut.size < entry.size:
            plan.cuts.append(cut)
        else:
            plan.objects[entry.sha256] = entry.size
    return plans or [Plan(_name(1), room)]


def _cut(entries: Sequence[Entry], room: int) -> Iterator[Tuple[int, Cut, Entry]]:
    """Every object as one part, or as the pieces of one that no volume has room for."""
    piece = (room - ROW) // BLOCK * BLOCK
    for entry in entries:
        whole = _room_of(entry.size, entry) <= room
        # What only its description keeps from fitting is cut in two.
        size = entry.size if whole else min(piece, blocks((entry.size + 1) // 2))
        for number, offset in enumerate(range(0, max(entry.size, 1), max(size, 1)), 1):
            cut = Cut(entry.sha256, number, offset, min(size, entry.size - offset))
            yield cut.size, cut, entry


def _room_of(size: int, entry: Entry) -> int:
    return blocks(size) + ROW + (entry.told if size == entry.size else 0)


def _fixed(entries: Sequence[Entry], volume_size: int) -> int:
    """Room for root, signatures, index and directories, from above: how many volumes there will be is not known yet."""
    total = sum(_room_of(entry.size, entry) for entry in entries)
    count = 4 * total // volume_size + 2
    large = sum(1 for entry in entries if 2 * entry.size > volume_size)
    directories = (min(_PREFIXES, len(entries)) + large + 8) * BLOCK
    return _ROOT + blocks(_ROOT_ROW * count) + _SIGNATURES + BLOCK + directories


def _name(number: int) -> str:
    return f"volume-{number:03d}"
