# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What a depot holds, as a signed list to carry back: the base of the next delta. Written there, read on the connected side."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Mapping, Tuple, Union

from . import fsutil
from .errors import BundleError, told_plainly
from .lock import moment_of
from .manifest import is_count
from .names import NAME
from .openpgp import Keyring

FORMAT = 1
LIST = "depot-list.json"
SIGNATURE = f"{LIST}.asc"


@dataclass(frozen=True)
class HaveList:
    """One moment of a depot: the newest version of each bundle, and every object it has."""

    depot: str  # its title
    generation: int
    created: str
    bundles: Mapping[str, Mapping[str, Any]]  # by name: version, and sha256 of the root
    objects: Tuple[str, ...]

    def dump(self) -> bytes:
        bundles = {name: {"version": told["version"], "root": told["root"]} for name, told in self.bundles.items()}
        return fsutil.dump_lines(
            {
                "format": FORMAT,
                "depot": self.depot,
                "generation": self.generation,
                "created": self.created,
                "bundles": bundles,
                "objects": sorted(set(self.objects)),
            }
        )

    @classmethod
    def parse(cls, data: bytes, what: str) -> HaveList:
        document = fsutil.load_object(data, what)
        if document.pop("format", None) != FORMAT:
            raise BundleError(f"{what} is not a depot's list of format {FORMAT}, the only one this version reads.")
        try:
            held = cls(**{**document, "objects": tuple(document["objects"])})
            usable = isinstance(held.depot, str) and is_count(held.generation) and isinstance(held.bundles, dict)
            usable = usable and all(_is_bundle(name, told) for name, told in held.bundles.items())
            usable = usable and all(fsutil.is_sha256(sha256) for sha256 in held.objects)
        except (TypeError, KeyError, AttributeError) as error:
            raise BundleError(f"{what} is not a depot's list: {error}.") from error
        if not usable:
            raise BundleError(f"{what} is not a depot's list: a value in it is of the wrong kind.")
        moment_of(held.created, what)
        return held

    @classmethod
    @told_plainly
    def read(cls, path: str, keyring: Keyring) -> HaveList:
        """The list at a path, if the signature beside it is good."""
        data = fsutil.read_plain(path)
        keyring.verify_detached(data, fsutil.read_plain(f"{path}.asc", limit=1 << 20), what=path)
        return cls.parse(data, path)


def acknowledgement(text: str, keyring: str) -> Union[str, HaveList, None]:
    """What tells that a bundle arrived: the sha256 of its root, its version, or else the path of a depot's list."""
    if not text or fsutil.is_sha256(text) or text.isdigit():
        return text or None
    return HaveList.read(os.path.expanduser(text), Keyring.given(keyring))


def _is_bundle(name: str, told: object) -> bool:
    if not isinstance(told, dict) or set(told) != {"version", "root"}:
        return False
    return bool(NAME.fullmatch(name)) and is_count(told["version"]) and fsutil.is_sha256(told["root"])
