# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Licences as publishers state them: what a policy forbids, and what it cannot judge, as nothing is stated."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from .lock import Item, Lock

JUDGED = ("rpm", "wheel", "collection", "image")  # kinds whose metadata has a place for a licence
UNSTATED = "unstated"  # what patterns are compared with where that place is empty
_LONGEST = 200  # some put a whole text where a name belongs
_BETWEEN = re.compile(r"(?<![\w.-])(?:and|or|with)(?![\w.-])|[(),;/|&]", re.IGNORECASE)
_NAMED = 5


def stated(value: object) -> Tuple[str, ...]:
    """What metadata says, a text or a list of them, each once and as a name on one line."""
    rows = value if isinstance(value, list) else [value]
    texts = [" ".join(row.split())[:_LONGEST].strip() for row in rows if isinstance(row, str)]
    shown = ["".join(letter if letter.isprintable() else "?" for letter in text) for text in texts]
    return tuple(text for text in dict.fromkeys(shown) if text and text.upper() != "UNKNOWN")


def of_wheel(metadata: Mapping[str, Any]) -> Tuple[str, ...]:
    """The three places of Python's metadata: all of them count, as they need not agree."""
    rows = metadata.get("classifier")
    classifiers = [row for row in rows if str(row).startswith("License ::")] if isinstance(rows, list) else []
    names = [str(row).rpartition("::")[2] for row in classifiers]
    return stated([metadata.get("license_expression"), metadata.get("license"), *names])


def forbidden(lock: Lock, patterns: Sequence[str]) -> Dict[str, str]:
    """Objects of a lock that must not be carried for their licence, and why."""
    found = {}
    for item in _judged(lock) if patterns else ():
        for text in item.licenses or (UNSTATED,):
            pattern = next((pattern for pattern in patterns if _fits(text, pattern)), "")
            if pattern:
                found[item.sha256] = f"licence {text}, policy.must_not_license: {pattern}"
                break
    return found


def _fits(text: str, pattern: str) -> bool:
    """Of an expression the whole and each of its parts, in letters of any case."""
    parts = [text, *(part.strip() for part in _BETWEEN.split(text))]
    return any(fnmatchcase(part.lower(), pattern.lower()) for part in parts if part)


def unjudged(lock: Lock) -> List[str]:
    """What a policy says nothing of, in sentences: nothing passes without a word."""
    if not lock.policy.get("must_not_license"):
        return []
    told = []
    kinds = sorted({item.kind for item in lock.items} - {*JUDGED, "blob"})
    if kinds:
        told.append(
            f"policy.must_not_license judges none of these, as their metadata states no licence: {_row(kinds)}."
        )
    silent = [f"{item.kind} {item.name}" for item in _judged(lock) if not item.licenses]
    if silent:
        more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
        told.append(
            f"policy.must_not_license let pass what states no licence: {_row(silent[:_NAMED])}{more}. The pattern {UNSTATED} "
            "keeps such things back."
        )
    return told


def _judged(lock: Lock) -> Iterator[Item]:
    """What has a place for a licence. What lies beside an image, such as a signature, goes with the image."""
    images = {item.name for item in lock.items if item.kind == "image"}
    for item in lock.items:
        if item.kind in JUDGED and (item.kind != "image" or item.why not in images):
            yield item


def _row(names: Sequence[str]) -> str:
    return ", ".join(names)
