# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a host installs from, and of the depot that it installs from.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import calendar
import glob
import json
import os
import re
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List

from ._checks_base import CannotCheck, Finding, Host, Kind, NotApplicable, Option, judge, required, scrub, some

_DAY = 86400
_YES = ("yes", "true", "1", "on", "force")
# Settings of apt that let unsigned packages through, and the value that they must not have.
_LENIENT = {
    "APT::Get::AllowUnauthenticated": "true",
    "Acquire::AllowInsecureRepositories": "true",
    "Acquire::AllowWeakRepositories": "true",
    "Acquire::AllowDowngradeToInsecureRepositories": "true",
    "Acquire::https::Verify-Peer": "false",
    "Acquire::https::Verify-Host": "false",
}


@dataclass(frozen=True)
class Source:
    """One enabled source of apt."""

    place: str
    uri: str
    options: Dict[str, str]

    def lenient(self) -> List[str]:
        """What is wrong with how it is verified."""
        wrong = [
            f"{self.place}: {name}={self.options[name]} for {scrub(self.uri)}"
            for name in ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure")
            if self.options.get(name, "").lower() in _YES
        ]
        return wrong if self.options.get("signed-by") else [*wrong, f"{self.place}: no signed-by for {scrub(self.uri)}"]


def _one_line(place: str, text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+\S+", line)
        if match:
            pairs = (pair.partition("=") for pair in (match.group(1) or "").split())
            yield Source(place, match.group(2), {name.lower().rstrip("+-"): value for name, _equals, value in pairs})


def _deb822(place: str, text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields: Dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace() and name:
                fields[name] = f"{fields[name]} {line.strip()}".strip()
            else:
                name, _colon, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in _YES:
            for uri in fields.get("uris", "").split():
                yield Source(place, uri, fields)


def sources(host: Host) -> List[Source]:
    """Every enabled source of apt on the host."""
    if not os.path.isdir(host.path("/etc/apt")):
        raise NotApplicable("The host does not use apt.")
    found: List[Source] = []
    for pattern in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"):
        for path in sorted(glob.glob(host.path(pattern))):
            place = os.path.join(os.path.dirname(pattern), os.path.basename(path))
            found += (_deb822 if pattern.endswith(".sources") else _one_line)(place, host.read(place))
    return found


def _allowed(uri: str, prefixes: List[str]) -> bool:
    bare = uri.split("+")[-1].rstrip("/") + "/"
    return any(bare.startswith(str(prefix).rstrip("/") + "/") for prefix in prefixes)


def apt_sources(params: Dict[str, Any], host: Host) -> Finding:
    """The host installs from the depot alone."""
    found = sources(host)
    expected = f"sources at {some([scrub(str(uri)) for uri in params['allowed']])}, and no others"
    others = [
        f"{scrub(source.uri)} in {source.place}" for source in found if not _allowed(source.uri, params["allowed"])
    ]
    if not found:
        return judge(False, expected, "no source is enabled")
    return judge(not others, expected, some(others) or some(sorted({scrub(source.uri) for source in found})))


def apt_signatures(params: Dict[str, Any], host: Host) -> Finding:
    """Each source names the key it is signed with, and nothing tells apt to do without."""
    wrong = [line for source in sources(host) for line in source.lenient()]
    for line in host.answer("apt-config", "dump").splitlines():
        match = re.match(r'(\S+) "(.*)";$', line)
        if match and match.group(2).lower() == _LENIENT.get(match.group(1)):
            wrong.append(f"{match.group(1)} is {match.group(2)}")
    expected = "each source names the key it is signed with, and nothing is trusted without"
    return judge(not wrong, expected, some(wrong) or "as expected")


def _origins(policy: str) -> List[str]:
    """Where the installed version of a package can be had, out of what apt-cache policy says about one package."""
    origins: List[str] = []
    installed = False
    for line in policy.splitlines():
        if re.match(r" (\*\*\*|   ) \S", line):
            installed = line.startswith(" ***")
        elif installed:
            match = re.match(r"\s+-?\d+ (\S+)", line)
            origins += [match.group(1)] if match else []
    return origins


def _installed(host: Host, name: str) -> List[str]:
    """The installed packages that a name, or a pattern such as postgresql-[1-9]*, stands for."""
    ran = host.run("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n", name)
    return sorted({line.split()[-1] for line in ran.out.splitlines() if line.startswith("ii")})


def package_origin(params: Dict[str, Any], host: Host) -> Finding:
    """The packages are installed, in versions that the depot offers."""
    if not os.path.isdir(host.path("/etc/apt")):
        raise NotApplicable("The host does not use apt.")
    wrong: List[str] = []
    good: List[str] = []
    for name in params["packages"]:
        packages = _installed(host, name)
        wrong += [] if packages else [f"{name} is not installed"]
        for package in packages:
            said = host.answer("apt-cache", "policy", package)
            version = re.search(r"^  Installed: (\S+)", said, re.M)
            shown = f"{package} {version.group(1) if version else ''}".strip()
            if any(_allowed(origin, params["allowed"]) for origin in _origins(said)):
                good.append(shown)
            else:
                wrong.append(f"{shown} is not in the depot")
    expected = f"{some(params['packages'], 10)}: installed, in a version the depot offers"
    return judge(not wrong, expected, some(wrong) or some(good, 10))


def _moment(text: Any) -> float:
    """A point in time as the engine writes it, in UTC."""
    try:
        return float(calendar.timegm(time.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        raise CannotCheck(f"{text!r} is no point in time.") from None


def bundle(params: Dict[str, Any], host: Host) -> Finding:
    """What the depot serves is not too old, and has not expired."""
    try:
        bundles = json.loads(host.read(params["path"]))["bundles"]
        moments = {
            name: (_moment(facts["created"]), _moment(facts["expires"])) for name, facts in sorted(bundles.items())
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotCheck(f"{params['path']} is not the manifest of a depot.") from None
    wrong, good = [], []
    for name, (created, expires) in moments.items():
        days = int((host.now() - created) // _DAY)
        if days > params["max_days"]:
            wrong.append(f"{name} is {days} days old")
        if expires < host.now():
            wrong.append(f"{name} expired {_date(expires)}")
        good.append(f"{name}: {days} days old, good until {_date(expires)}")
    expected = f"bundles that are {params['max_days']} days old at most and have not expired"
    return judge(bool(moments) and not wrong, expected, "; ".join(wrong or good) or "the depot holds no bundle")


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


KINDS: Dict[str, Kind] = {
    "apt_sources": Kind(apt_sources, {"allowed": required("list")}),
    "apt_signatures": Kind(apt_signatures, {}),
    "package_origin": Kind(package_origin, {"packages": required("list"), "allowed": required("list")}),
    "bundle": Kind(
        bundle,
        {"path": Option(default="/srv/mattermost-depot/current/manifest.json"), "max_days": Option("int", 90)},
    ),
}
