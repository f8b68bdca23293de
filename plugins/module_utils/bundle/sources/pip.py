# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""pip as the judge of what a set of requirements comes to for another interpreter than the one it runs on."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

from .. import fsutil, programs
from ..access import Access
from ..boms.wheels import WheelsItem
from ..errors import BundleError
from ..transport import check_url

_LIMIT = 256 << 20
_PATIENCE = 1800
_NO_PIP = 77
# pip takes the tags of wheels from its options, but reads environment markers (python_version < "3.12") as those of the
# interpreter it runs on. This hands it the target's; the report of pip says whether it took them. It also writes down which
# pages of indexes pip looks at, so that the next run can ask whether any of them changed. Older versions of pip leave
# the newest field of metadata out of the report, the licence expression.
_RUNNER = f"""
import json, sys
try:
    from pip._vendor.packaging import markers
except ImportError:
    sys.exit({_NO_PIP})
inherited, told, pages = markers.default_environment, json.loads(sys.argv.pop(1)), []
markers.default_environment = lambda: dict(inherited(), **told)
try:
    from pip._internal.models.search_scope import SearchScope
    asked = SearchScope.get_index_urls_locations
    def noted(scope, project):
        found = asked(scope, project)
        pages.extend(found if not scope.find_links else [""])
        return found
    SearchScope.get_index_urls_locations = noted
except (ImportError, AttributeError):
    pages.append("")
try:
    from pip._internal.metadata._json import METADATA_FIELDS
    if ("License-Expression", False) not in METADATA_FIELDS:
        METADATA_FIELDS.append(("License-Expression", False))
except (ImportError, AttributeError):
    pass
from pip._internal.cli.main import main
code = main(sys.argv[1:])
with open("pages.json", "w") as handle:
    json.dump(pages, handle)
sys.exit(code)
"""
_PLATFORM = re.compile(r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)")
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_NAMES = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy")}


def expanded(platform: str) -> Iterator[str]:
    """A platform and the older ones that it can run the wheels of, newest first, by all their names."""
    match = _PLATFORM.fullmatch(platform)
    if match is None:
        yield platform
        return
    libc, major, minor, machine = match.groups()
    for number in range(int(minor), 4 if libc == "manylinux" else 0, -1):
        yield f"{libc}_{major}_{number}_{machine}"
        if libc == "manylinux" and number in _OLD_NAMES:
            yield f"{_OLD_NAMES[number]}_{machine}"


def environment_of(item: WheelsItem) -> Dict[str, str]:
    """What environment markers are compared with on the target."""
    python = ".".join(item.python.split(".")[:2])
    full = item.python if item.python != python else f"{python}.0"
    name, told = _NAMES.get(item.implementation, _NAMES["cp"])
    return {
        "implementation_name": name,
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": item.machine,
        "platform_python_implementation": told,
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": python,
        "sys_platform": "linux",
    }


class Pip:
    """Resolves, and installs nothing."""

    def __init__(self, item: WheelsItem, scratch: str, *, cache: Optional[str], access: Optional[Access]) -> None:
        self.item = item
        self.scratch = scratch  # a directory of ours alone; what is secret is written there
        self.cache = cache
        self.access = access
        self.what = f"wheels {item.name}"

    def resolve(self) -> List[Dict[str, Any]]:
        """The rows of pip's report: every wheel of the closure, where it is and what it must hash to."""
        report = os.path.join(self.scratch, "report.json")
        environment = environment_of(self.item)
        wanted = [json.dumps(environment), *self._options(report), "--"]
        self._run([*wanted, *(row.text for row in self.item.packages)])
        document = fsutil.load_object(fsutil.read_plain(report, limit=_LIMIT), f"{self.what}: the report of pip")
        rows, seen = document.get("install"), document.get("environment")
        if document.get("version") != "1" or not isinstance(rows, list) or not isinstance(seen, dict):
            raise BundleError(
                f"{self.what}: pip {document.get('pip_version')} writes a report that is not understood; use 23.0 or newer."
            )
        if {key: seen.get(key) for key in environment} != environment:
            raise BundleError(
                f"{self.what}: pip {document.get('pip_version')} cannot resolve for another Python than its own; "
                f"make the lock on a machine with Python {environment['python_version']}, or with another version of pip."
            )
        return rows

    def pages(self) -> List[str]:
        """Every page of an index that pip looked at; none when it looked elsewhere too, or does not say."""
        try:
            found = json.loads(fsutil.read_plain(os.path.join(self.scratch, "pages.json"), limit=_LIMIT))
            return sorted({check_url(str(url), self.what) for url in found}) if "" not in found else []
        except (BundleError, ValueError):
            return []

    def _options(self, report: str) -> List[str]:
        item = self.item
        # Isolated: neither PIP_* variables nor the settings of whoever runs this say what is in a bundle.
        argv = [
            "install",
            "--isolated",
            "--no-input",
            "--disable-pip-version-check",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
            "--only-binary=:all:",
            "--no-user",
        ]
        argv += ["--report", report, "--target", os.path.join(self.scratch, "nothing")]
        argv += ["--python-version", item.python, "--implementation", item.implementation]
        argv += ["--abi", item.abi] if item.abi else []
        for platform in dict.fromkeys(name for told in item.platforms for name in expanded(told)):
            argv += ["--platform", platform]
        argv += ["--index-url", item.index_url] if item.index_url else []
        argv += ["--cache-dir", self.cache] if self.cache else ["--no-cache-dir"]
        if item.constraints:
            argv += ["--constraint", self._private("constraints.txt", "\n".join(item.constraints) + "\n")]
        if self.access is not None and self.access.ca_certificates:
            argv += ["--cert", self._authorities(self.access.ca_certificates)]
        return argv

    def _authorities(self, given: str) -> str:
        """pip takes a file only, and believes nothing besides it."""
        return self._private("ca.pem", given) if "-----BEGIN" in given else given

    def _private(self, name: str, text: str) -> str:
        path = os.path.join(self.scratch, name)
        fsutil.write_atomic(path, text.encode(), mode=0o600)
        return path

    def _environment(self) -> Dict[str, str]:
        told = {"LC_ALL": "C.UTF-8"}
        if self.access is not None and self.access.has_login:
            host = urlsplit(self.item.index_url).hostname
            login = (self.access.username or "__token__", self.access.password or self.access.token)
            told["NETRC"] = self._private("netrc", f"machine {host} login {login[0]} password {login[1]}\n")
        return {**os.environ, **told}

    def _run(self, argv: Sequence[str]) -> None:
        environment = self._environment()
        for python in _interpreters():
            late = f"{self.what}: pip did not come to an end"
            whole = [python, "-I", "-c", _RUNNER, *argv]
            done = programs.run(whole, env=environment, cwd=self.scratch, patience=_PATIENCE, late=late)
            if done.returncode == 0:
                return
            if done.returncode != _NO_PIP:
                raise BundleError(f"{self.what}: {explain(done.stderr, self.item)}")
        raise BundleError(f"{self.what}: pip is needed to resolve it; install python3-pip on this machine.")


def _interpreters() -> List[str]:
    """The Python this runs on first; it may have no pip where another has."""
    found = [sys.executable, shutil.which("python3") or ""]
    return [python for python in dict.fromkeys(found) if python]


def explain(stderr: str, item: WheelsItem) -> str:
    """What pip wrote, as one sentence that says what to do."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line.partition(":")[2].strip() for line in lines if line.startswith("ERROR:")]
    told = [line for line in told if line != "Exception:"] or lines[-1:]
    if any("no such option" in line for line in lines):
        return "the pip of this machine is too old, 23.0 or newer is needed; install a newer python3-pip."
    missing = _found(r"No matching distribution found for (.+)", told)
    if missing:
        versions = _found(r".*\(from versions: (.+)\)", told)
        there = f" The index has wheels of {versions} for it." if versions and versions != "none" else ""
        return (
            f"there is no wheel of {missing} for Python {item.python} on {', '.join(item.platforms)}.{there} Pin another "
            "version, name a newer platform, or build the wheel (pip wheel) and name it as NAME @ file:///PATH --hash=sha256:…"
        )
    if any("ResolutionImpossible" in line for line in told):
        start = next((number for number, line in enumerate(lines) if "conflict is caused by" in line), 0)
        why = [
            line for line in lines[start + 1 :] if " depends on " in line or "requested" in line or "constraint" in line
        ]
        return f"the requirements exclude each other: {'; '.join(why) or told[0]}. Change one of them."
    return f"pip cannot resolve it: {' '.join(told) or 'it says nothing'}"


def _found(pattern: str, lines: Sequence[str]) -> str:
    return next((match.group(1) for match in (re.fullmatch(pattern, line) for line in lines) if match), "")


def sha256_of(row: Mapping[str, Any]) -> str:
    """What a row of the report says a wheel must hash to; empty when the index says nothing."""
    archive = row.get("download_info", {}).get("archive_info", {})
    hashes = archive.get("hashes") or dict([str(archive.get("hash", "")).partition("=")[::2]])
    return str(hashes.get("sha256", ""))
