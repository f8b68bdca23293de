# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A Galaxy server, asked as ansible-galaxy does: version 3 of its API."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from .. import fsutil, licences
from ..access import origin_of
from ..boms.collections import GALAXY
from ..collection_tarball import checked_dependencies
from ..errors import BundleError
from ..transport import place_of
from ..workspace import Workspace

_PAGES = 100


@dataclass(frozen=True)
class Release:
    """One version of a collection, and where it is."""

    name: str
    version: str
    url: str
    sha256: str
    size: int
    dependencies: Tuple[Tuple[str, str], ...]
    signatures: Tuple[str, ...] = ()
    told_by: str = ""
    licenses: Tuple[str, ...] = ()


class Galaxy:
    """One server."""

    def __init__(self, server: str, workspace: Workspace) -> None:
        self.server = server
        self.workspace = workspace
        self._replies: Dict[str, Optional[Dict[str, Any]]] = {}  # of this run

    @functools.cached_property
    def api(self) -> str:
        """Where version 3 of the API begins: named below the given URL, or below /api/ of it."""
        places = [f"{self.server}/api/"] if self.server == GALAXY else [f"{self.server}/", f"{self.server}/api/"]
        for place in places:
            try:
                document = self._get(place) or {}
            except BundleError:
                if place == places[-1]:
                    raise
                continue
            path = _table(document.get("available_versions")).get("v3")
            if isinstance(path, str):
                return self._here(place, path if path.endswith("/") else f"{path}/")
        raise BundleError(f"{self.server} is not a Galaxy server with version 3 of its API.")

    def versions(self, name: str) -> List[str]:
        """All there are. One conditional request for each hundred."""
        url = f"{self.api}collections/{name.replace('.', '/')}/versions/?limit=100"
        found: List[str] = []
        for _page in range(_PAGES):
            document = self._get(url) or {}
            rows = document.get("data", document.get("results", []))
            if not isinstance(rows, list):
                raise BundleError(f"{self.server}: the versions of {name} are not a list.")
            found += [str(row.get("version")) for row in rows if isinstance(row, dict)]
            following = _table(document.get("links")).get("next")
            if not following:
                return found
            url = self._here(url, str(following))
        raise BundleError(f"{self.server}: the list of the versions of {name} has no end.")

    def release(self, name: str, version: str, *, again: bool = False) -> Optional[Release]:
        """What the server says of one version. That never changes, but for signatures, so it is asked for once."""
        url = f"{self.api}collections/{name.replace('.', '/')}/versions/{version}/"
        document = self._get(url, again=again)
        if document is None:
            return None
        what = f"{self.server}: {name} {version}"
        try:
            artifact = document["artifact"]
            release = Release(
                name=name,
                version=version,
                url=place_of(url, str(document["download_url"]), what),
                sha256=artifact["sha256"],
                size=artifact["size"],
                dependencies=tuple(
                    sorted(checked_dependencies(document["metadata"].get("dependencies"), what).items())
                ),
                signatures=tuple(str(row["signature"]) for row in document.get("signatures") or ()),
                told_by=url,
                licenses=licences.stated(document["metadata"].get("license")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{what} is described without {error}.") from error
        if not fsutil.is_sha256(release.sha256) or not isinstance(release.size, int) or release.size < 0:
            raise BundleError(f"{what} is described without a usable sha256 and size.")
        return release

    def _here(self, url: str, following: str) -> str:
        """A further page is one of the same server."""
        found = place_of(url, following, self.server)
        if origin_of(found) != origin_of(url):
            raise BundleError(f"{self.server} sends on to {found!r}, which is not followed.")
        return found

    def _get(self, url: str, *, again: bool = True) -> Optional[Dict[str, Any]]:
        """A reply as an object; None when there is no such thing. Without again what is held is good enough."""
        if url not in self._replies:
            known = self.workspace.memory.get(url, {})
            body = self.workspace.read(known.get("sha256", "")) if known and not again else None
            if body is None:
                body = self.workspace.fetch_small(url, missing_ok=True)
            self._replies[url] = None if body is None else fsutil.load_object(body, f"The reply of {url}")
        return self._replies[url]


def _table(value: object) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}
