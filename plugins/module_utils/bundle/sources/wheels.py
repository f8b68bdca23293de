# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The wheel source: the closure of a set of requirements for a named interpreter, every file with its sha256."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Tuple
from urllib.parse import unquote, urlsplit

from .. import fsutil, licences
from ..boms.wheels import WheelsItem, normalized
from ..errors import BundleError
from ..lock import Item
from ..transport import check_url
from ..workspace import Resolved, Workspace
from .pip import Pip, sha256_of

_CONNECTIONS = 8
_PAGE_LIMIT = 64 << 20
_WHEEL_LIMIT = 16 << 30
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Wheel:
    """One wheel of the closure, as pip reports it."""

    project: str
    version: str
    url: str
    sha256: str
    requires: Tuple[str, ...]
    wanted: bool
    yanked: bool
    licenses: Tuple[str, ...]

    @property
    def file(self) -> str:
        return unquote(os.path.basename(urlsplit(self.url).path))


class WheelsResolver:
    """One set of wheels of a BOM."""

    def __init__(self, item: WheelsItem, workspace: Workspace) -> None:
        self.item = item
        self.workspace = workspace
        self.what = f"wheels {item.name}"

    def survey(self) -> List[str]:
        return [f"wheels {self.item.name} {wheel.file} {wheel.sha256} {wheel.url}" for wheel in self._closure]

    def resolve(self) -> Resolved:
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            sizes = list(pool.map(self._size_of, self._closure))
        items = [self._item(wheel, size) for wheel, size in zip(self._closure, sizes)]
        warnings = [
            f"{self.what}: {wheel.file} was withdrawn by its publisher; pin another version of {wheel.project}."
            for wheel in self._closure
            if wheel.yanked
        ]
        return Resolved(items=items, warnings=warnings)

    @functools.cached_property
    def _closure(self) -> List[Wheel]:
        """What pip made of it last time, if every page of an index that it looked at is still the same; else what it makes now."""
        # What is remembered has to have the fields of now.
        asked = repr((self.item, tuple(Wheel.__annotations__)))
        key, request = f"wheels {self.item.name}", fsutil.sha256_bytes(asked.encode())
        known = self.workspace.memory.get(key, {})
        known = known if known.get("request") == request else {}
        before = known.get("pages", {})
        pages = self._look_at(before)
        if known.get("wheels") and pages and _digests(pages) == _digests(before):
            rows = known["wheels"]
            lists = ("requires", "licenses")
            return [Wheel(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]
        wheels, looked_at = self._ask_pip()
        # Only of a page that was read before pip read it is it certain that pip saw no older one.
        certain = bool(looked_at) and set(looked_at) <= set(pages)
        self.workspace.memory[key] = {
            "request": request,
            "pages": {url: pages.get(url, {}) for url in looked_at},
            "wheels": [asdict(wheel) for wheel in wheels] if certain else [],
        }
        return wheels

    def _ask_pip(self) -> Tuple[List[Wheel], List[str]]:
        workspace = self.workspace
        cache = None if workspace.checking else os.path.join(workspace.store.root, "pip")
        access = workspace.client.transport.keychain.find(self.item.index_url) if self.item.index_url else None
        with tempfile.TemporaryDirectory(prefix="fieldops-pip-") as scratch:
            pip = Pip(self.item, scratch, cache=cache, access=access)
            wheels = sorted((self._read(row) for row in pip.resolve()), key=lambda wheel: wheel.project)
            self._check_pins(wheels)
            return wheels, pip.pages()

    def _look_at(self, pages: Mapping[str, Mapping[str, str]]) -> Dict[str, Mapping[str, str]]:
        """One conditional request for each page."""

        def look(url: str) -> Mapping[str, str]:
            known = pages[url]
            reply = self.workspace.client.get(url, known=known, limit=_PAGE_LIMIT, missing_ok=True)
            return known if reply.status == 304 else {**reply.validators, "sha256": fsutil.sha256_bytes(reply.body)}

        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return dict(zip(pages, pool.map(look, pages)))

    def _read(self, row: Any) -> Wheel:
        try:
            metadata, url = row["metadata"], str(row["download_info"]["url"])
            wheel = Wheel(
                project=normalized(str(metadata["name"])),
                version=str(metadata["version"]),
                url=check_url(url, self.what),
                sha256=sha256_of(row),
                requires=tuple(str(told) for told in metadata.get("requires_dist", ())),
                wanted=bool(row.get("requested")),
                yanked=bool(row.get("is_yanked")),
                licenses=licences.of_wheel(metadata),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BundleError(f"{self.what}: pip reports a wheel without {error}.") from error
        if not fsutil.is_safe_relative(f"{self.item.name}/{wheel.file}") or not wheel.file.endswith(".whl"):
            raise BundleError(f"{self.what}: {wheel.file!r} is not the name of a wheel that a depot can have.")
        if not fsutil.is_sha256(wheel.sha256):
            raise BundleError(
                f"{self.what}: the index says no sha256 for {wheel.file}; take it from another index, or name it as "
                f"{wheel.project} @ URL --hash=sha256:…"
            )
        return wheel

    def _check_pins(self, wheels: List[Wheel]) -> None:
        found = {wheel.project: wheel for wheel in wheels}
        for row in self.item.packages:
            wheel = found.get(row.project)
            if wheel is not None and row.sha256 and wheel.sha256 not in row.sha256:
                raise BundleError(f"{self.what}: {wheel.file} has sha256 {wheel.sha256}, which the BOM does not name.")

    def _size_of(self, wheel: Wheel) -> int:
        """Asked for once: what has a sha256 keeps its size."""
        known = self.workspace.memory.get(wheel.url, {})
        if known.get("sha256") == wheel.sha256:
            return int(known["size"])
        size = self.workspace.client.head(wheel.url)[0]
        if size is None and not self.workspace.checking:
            store = self.workspace.store
            part = store.part(wheel.sha256)
            size = self.workspace.client.download(wheel.url, part, sha256=wheel.sha256, limit=_WHEEL_LIMIT).size
            store.adopt(part, wheel.sha256)
        if size is not None:
            self.workspace.memory[wheel.url] = {"sha256": wheel.sha256, "size": size}
        return size or 0

    def _item(self, wheel: Wheel, size: int) -> Item:
        pinned = any(row.project == wheel.project and row.sha256 for row in self.item.packages)
        return Item(
            kind="wheel",
            name=wheel.project,
            size=size,
            sha256=wheel.sha256,
            url=wheel.url,
            proof="sha256 in the BOM" if pinned else "listed by its index with this sha256",
            version=wheel.version,
            group=self.item.name,
            architecture=self.item.machine,
            destination=f"{self.item.name}/{wheel.file}",
            why="" if wheel.wanted else self._needed_by.get(wheel.project, ""),
            licenses=wheel.licenses,
        )

    @functools.cached_property
    def _needed_by(self) -> Mapping[str, str]:
        """The first project that requires each one."""
        needed: Dict[str, str] = {}
        for wheel in self._closure:
            for told in wheel.requires:
                match = _PROJECT.match(told)
                if match is not None:
                    needed.setdefault(normalized(match.group()), wheel.project)
        return needed


def _digests(pages: Mapping[str, Mapping[str, str]]) -> Dict[str, str]:
    return {url: page.get("sha256", "") for url, page in pages.items()}
