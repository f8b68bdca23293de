# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What this machine's own apt is configured to trust: its sources, of one-line and deb822 style."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from .. import fsutil
from ..boms.apt import AptSource
from ..errors import BundleError
from ..transport import check_url
from . import debian

_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)")
_POCKETS = ("", "-updates", "-security", "/updates")
_ARCHIVE_KEYS = {
    "debian": "usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "usr/share/keyrings/ubuntu-archive-keyring.gpg",
}


@dataclass(frozen=True)
class Host:
    """The connected machine as apt sees it. The root is / except in tests."""

    root: str = "/"

    def os_release(self) -> Dict[str, str]:
        lines = self._read("etc/os-release").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {name.strip(): value.strip().strip("\"'") for name, _equals, value in pairs}

    def default_keyrings(self) -> List[str]:
        """Keyrings that apt uses for a source that names none."""
        found = [
            path for ending in ("gpg", "asc") for path in glob.glob(self._path(f"etc/apt/trusted.gpg.d/*.{ending}"))
        ]
        archive = self._path(_ARCHIVE_KEYS.get(self.os_release().get("ID", ""), "usr/share/keyrings/none"))
        return [*sorted(found), *([archive] if os.path.isfile(archive) else [])]

    def distribution_sources(self, release: str) -> List[AptSource]:
        """This machine's sources of its distribution, turned to the wanted release of the same distribution."""
        own = self.os_release().get("VERSION_CODENAME", "")
        if not own:
            raise BundleError(
                "This machine's /etc/os-release names no VERSION_CODENAME; list the apt sources in the BOM."
            )
        mapped = {own + pocket: release + pocket for pocket in _POCKETS}
        found: Dict[Tuple[str, Tuple[str, ...]], AptSource] = {}
        for source in self.sources():
            suites = tuple(mapped[suite] for suite in source.suites if suite in mapped)
            if suites and source.uri.startswith(("http:", "https:", "file:")):
                check_url(source.uri, f"apt source {_without_user(source.uri)} of this machine")
                chosen = AptSource(source.uri, suites, source.components, source.signed_by)
                found.setdefault((chosen.uri, chosen.suites), chosen)
        if not found:
            raise BundleError(
                f"This machine's apt has no source whose suite is {own}, {own}-updates or {own}-security, from which those "
                f"of {release} could be told. List the sources of {release} in the BOM instead of 'sources: host'."
            )
        return list(found.values())

    def sources(self) -> List[AptSource]:
        found = _parse_one_line(self._read("etc/apt/sources.list", missing=""))
        for path in sorted(glob.glob(self._path("etc/apt/sources.list.d/*"))):
            if path.endswith(".list"):
                found += _parse_one_line(self._read(path))
            elif path.endswith(".sources"):
                found += _parse_deb822(self._read(path))
        return found

    def _path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def _read(self, name: str, *, missing: str = "-") -> str:
        path = os.path.realpath(self._path(name))
        if not missing and not os.path.exists(path):
            return missing
        return fsutil.read_plain(path).decode("utf-8", "replace")


def _parse_one_line(text: str) -> List[AptSource]:
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.strip())
        if match is not None:
            options = dict(pair.partition("=")[::2] for pair in (match.group("options") or "").split())
            signed_by = [part for part in options.get("signed-by", "").split(",") if part]
            found += _source([match.group("uri")], [match.group("suite")], match.group("components").split(), signed_by)
    return found


def _parse_deb822(text: str) -> List[AptSource]:
    found = []
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for fields in debian.stanzas(uncommented):
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled", "yes").lower() in ("no", "false", "0"):
            continue
        key = fields.get("Signed-By", "")
        signed_by = [_embedded_key(key)] if "BEGIN PGP" in key else key.replace(",", " ").split()
        components = fields.get("Components", "").split()
        found += _source(fields.get("URIs", "").split(), fields.get("Suites", "").split(), components, signed_by)
    return found


def _source(
    uris: Sequence[str], suites: Sequence[str], components: Sequence[str], signed_by: Sequence[str]
) -> List[AptSource]:
    return [AptSource(uri.rstrip("/"), tuple(suites), tuple(components), tuple(signed_by)) for uri in uris]


def _embedded_key(field: str) -> str:
    """A key inside a deb822 field: every line is indented, and an empty one is written as a dot."""
    return "\n".join("" if line == "." else line for line in field.splitlines()) + "\n"


def _without_user(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)
