# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the operating system: units, files, secrets in files, clock, PostgreSQL, nginx.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import stat
from typing import Any, Dict, Iterator, List

from ._checks_base import CannotCheck, Finding, Host, Kind, NotApplicable, Option, judge, required, scrub, some

# What is a secret wherever it stands: private keys, addresses with a password, passwords of configuration files.
_SECRETS = (
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"
    rb"|[a-z]+://[^/\s:@\"]+:[^/\s@*\"]+@"
    rb"|\"(?:SMTPPassword|AtRestEncryptKey|PublicLinkSalt|BindPassword)\": *\"[^\"*]+\""
)
_LOOKED_AT = 1_000_000
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  as network masks


def systemd(params: Dict[str, Any], host: Host) -> Finding:
    """A unit is active and enabled, or not, and has the properties asked for."""
    unit = params["unit"]
    asked = ["LoadState", "ActiveState", "UnitFileState", *params["properties"]]
    lines = host.answer("systemctl", "show", unit, f"--property={','.join(asked)}").splitlines()
    state = {name: value for name, _equals, value in (line.partition("=") for line in lines)}
    if state.get("LoadState") == "not-found":
        return judge(False, f"unit {unit}", f"there is no unit {unit}")
    wrong: List[str] = []
    expected: List[str] = []
    for word, key, words in (
        ("active", "ActiveState", ("active",)),
        ("enabled", "UnitFileState", ("enabled", "static")),
    ):
        if params[word] is not None:
            expected.append(word if params[word] else f"not {word}")
            if (state.get(key) in words) != params[word]:
                wrong.append(f"{key}={state.get(key, '')}")
    for name, pattern in params["properties"].items():
        expected.append(f"{name}={pattern}")
        if not re.fullmatch(str(pattern), state.get(name, "")):
            wrong.append(f"{name}={state.get(name, '')}")
    return judge(not wrong, f"{unit}: {', '.join(expected)}", ", ".join(wrong) or "as expected")


def _name(find: Any, number: int) -> str:
    try:
        return str(find(number)[0])
    except KeyError:
        return str(number)


def _content(params: Dict[str, Any], host: Host, path: str) -> List[str]:
    """What is wrong with the content; it is never shown itself."""
    if not (params["contains"] or params["lacks"]):
        return []
    text = host.read(path)
    wrong = []
    if params["contains"] and not re.search(params["contains"], text, re.M):
        wrong.append("what has to stand in it is not there")
    found = re.search(params["lacks"], text, re.M) if params["lacks"] else None
    if found:
        wrong.append(f"line {text.count(chr(10), 0, found.start()) + 1} must not be there")
    return wrong


def file(params: Dict[str, Any], host: Host) -> Finding:
    """A file is there or not, with no more rights than given, its owner and group, and its content."""
    path = params["path"]
    try:
        status = os.stat(host.path(path))
    except FileNotFoundError:
        if params["optional"]:
            raise NotApplicable(f"There is no {path}.") from None
        return judge(params["state"] == "absent", f"{path}: {params['state']}", "there is none")
    except OSError as error:
        raise CannotCheck(f"Cannot look at {path}: {error.strerror}.") from error
    if params["state"] == "absent":
        return judge(False, f"{path}: absent", "it is there")
    mode = stat.S_IMODE(status.st_mode)
    owner, group = _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid)
    wrong, expected = [], []
    if params["mode"]:
        expected.append(f"mode {params['mode']} or less")
        if mode & ~int(params["mode"], 8):
            wrong.append(f"mode {mode:04o}")
    for word, wanted, found in (("owner", params["owner"], owner), ("group", params["group"], group)):
        if wanted:
            expected.append(f"{word} {wanted}")
            if wanted != found:
                wrong.append(f"{word} {found}")
    for word in ("contains", "lacks"):
        if params[word]:
            expected.append(f"{word} {params[word]}")
    wrong += _content(params, host, path)
    said = f"mode {mode:04o}, owner {owner}, group {group}"
    return judge(not wrong, f"{path}: {', '.join(expected) or 'present'}", "; ".join(wrong) or said)


def _files(host: Host, patterns: List[str]) -> Iterator[str]:
    """The files that patterns name, and all below the directories that they name."""
    for pattern in patterns:
        for place in sorted(glob.glob(host.path(pattern))):
            if os.path.isfile(place):
                yield place
            for folder, folders, names in os.walk(place):
                folders.sort()
                yield from (os.path.join(folder, name) for name in sorted(names))


def secrets(params: Dict[str, Any], host: Host) -> Finding:
    """No file that everyone may read holds a secret."""
    pattern = re.compile(_SECRETS)
    open_ones: List[str] = []
    looked = 0
    for place in _files(host, params["paths"]):
        try:
            status = os.lstat(place)
            if not stat.S_ISREG(status.st_mode) or not status.st_mode & stat.S_IROTH:
                continue
            looked += 1
            with open(place, "rb") as content:
                if pattern.search(content.read(_LOOKED_AT)):
                    shown = place if host.root == "/" else place[len(host.root.rstrip("/")) :]
                    open_ones.append(f"{shown} ({stat.S_IMODE(status.st_mode):04o})")
        except FileNotFoundError:
            continue
    expected = "no file that everyone may read holds a private key or a password"
    evidence = [f"{looked} files that everyone may read, in {some(params['paths'])}"]
    return judge(not open_ones, expected, some(open_ones) or "none does", evidence)


def time_sync(params: Dict[str, Any], host: Host) -> Finding:
    """The clock follows another one."""
    if host.run("systemd-detect-virt", "--container", "--quiet").status == 0:
        raise NotApplicable("A container has the clock of its host.")
    said = host.answer("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    return judge(said == "yes", "the clock is synchronized", "it is" if said == "yes" else "it is not")


def _psql(params: Dict[str, Any], host: Host, query: str) -> List[List[str]]:
    """The rows of an answer, asked on the host's own socket as the administrator of the database."""
    as_user = ["runuser", "-u", params["user"], "--"] if os.geteuid() == 0 else []
    client = [
        "psql",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--port",
        str(params["port"]),
        "--dbname",
        "postgres",
    ]
    said = host.answer(*as_user, *client, "--command", query)
    return [line.split("|") for line in said.splitlines() if "|" in line]


def postgresql(params: Dict[str, Any], host: Host) -> Finding:
    """PostgreSQL is new enough, and its settings are as asked for."""
    found = {row[0]: row[1] for row in _psql(params, host, "SELECT name, setting FROM pg_settings")}
    if not found.get("server_version_num", "").isdigit():
        raise CannotCheck("psql did not tell the server's version.")
    version = int(found["server_version_num"]) // 10000
    expected = [f"PostgreSQL {params['min_version']} or newer"]
    wrong = [] if version >= params["min_version"] else [f"PostgreSQL {version}"]
    for name, value in sorted(params["settings"].items()):
        expected.append(f"{name} {value}")
        if not re.fullmatch(str(value), found.get(name, "")):
            wrong.append(f"{name} {found.get(name, 'unknown')}")
    said = ", ".join([f"PostgreSQL {version}", *(f"{name} {found.get(name)}" for name in sorted(params["settings"]))])
    return judge(not wrong, ", ".join(expected), ", ".join(wrong) or said)


def postgresql_access(params: Dict[str, Any], host: Host) -> Finding:
    """Nobody gets in without a good proof of who they are, and nobody from just anywhere."""
    query = "SELECT line_number, type, auth_method, coalesce(address, ''), coalesce(netmask, '') FROM pg_hba_file_rules"
    rows = [row for row in _psql(params, host, query) if len(row) == 5]
    if not rows:
        raise CannotCheck("psql did not tell the rules of pg_hba.conf.")
    wrong = []
    for line, kind, method, address, mask in rows:
        if method in ("trust", "password", "md5", "ident"):
            wrong.append(f"line {line} takes {method}")
        elif method != "reject" and kind != "local" and (address == "all" or mask in _EVERYWHERE):
            wrong.append(f"line {line} takes connections from everywhere")
    expected = "each rule of pg_hba.conf names who may connect, and none takes trust, password, md5 or ident"
    return judge(not wrong, expected, some(wrong) or f"{len(rows)} rules, as expected")


def nginx(params: Dict[str, Any], host: Host) -> Finding:
    """The configuration that nginx would load has, and has not, certain lines."""
    ran = host.run("nginx", "-T")
    if ran.status:
        raise CannotCheck(f"nginx does not accept its configuration: {scrub(ran.err)}")
    expected, wrong = [], []
    for pattern in params["contains"]:
        expected.append(f"a line {pattern}")
        if not re.search(pattern, ran.out, re.M):
            wrong.append(f"no line {pattern}")
    for pattern in params["lacks"]:
        expected.append(f"no line {pattern}")
        found = re.search(pattern, ran.out, re.M)
        if found:
            wrong.append(scrub(found.group(0)).strip())
    return judge(not wrong, "; ".join(expected), "; ".join(wrong) or "as expected")


KINDS: Dict[str, Kind] = {
    "systemd": Kind(
        systemd,
        {
            "unit": required(),
            "active": Option("bool", True),
            "enabled": Option("bool", None),
            "properties": Option("dict", {}),
        },
    ),
    "file": Kind(
        file,
        {
            "path": required(),
            "state": Option(default="present"),
            "mode": Option(),
            "owner": Option(),
            "group": Option(),
            "contains": Option(),
            "lacks": Option(),
            "optional": Option("bool", False),
        },
    ),
    "secrets": Kind(secrets, {"paths": required("list")}),
    "time_sync": Kind(time_sync, {}),
    "postgresql": Kind(
        postgresql,
        {
            "min_version": Option("int", 14),
            "settings": Option("dict", {}),
            "port": Option("int", 5432),
            "user": Option(default="postgres"),
        },
    ),
    "postgresql_access": Kind(
        postgresql_access,
        {"port": Option("int", 5432), "user": Option(default="postgres")},
    ),
    "nginx": Kind(nginx, {"contains": Option("list", ()), "lacks": Option("list", ())}),
}
