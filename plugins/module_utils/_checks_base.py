# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of check has in common: its finding, its parameters, and the host it looks at.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from ._client import Client, Connection
from ._errors import MattermostError

PASS, FAIL, ERROR, NOT_APPLICABLE = "pass", "fail", "error", "not_applicable"
VERDICTS = (FAIL, ERROR, PASS, NOT_APPLICABLE)

# Programs of the system are found whatever the environment of the session says, and answer in English.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_CREDENTIALS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_SHOWN = 400


class CannotCheck(Exception):
    """The check could not be made; the text says why."""


class NotApplicable(Exception):
    """The control does not concern this host; the text says why."""


class ControlError(Exception):
    """A control is not written as it must be; the text says which and where."""


@dataclass(frozen=True)
class Finding:
    """What one check expected and found."""

    verdict: str
    expected: str
    found: str
    evidence: Tuple[str, ...] = ()


def judge(good: bool, expected: str, found: str, evidence: Sequence[str] = ()) -> Finding:
    """A pass or a fail."""
    return Finding(PASS if good else FAIL, expected, found, tuple(evidence))


def show(value: Any) -> str:
    """A value as people write it in JSON; of nothing, the word says more than two quotes."""
    return "empty" if value == "" else json.dumps(value, ensure_ascii=False, sort_keys=True)


def scrub(text: str) -> str:
    """Without passwords in addresses, without control characters, and not endless."""
    clean = _CREDENTIALS.sub(r"\1********@", "".join(char if char.isprintable() else " " for char in text))
    return clean if len(clean) <= _SHOWN else clean[:_SHOWN] + " ..."


def some(items: Sequence[str], limit: int = 5) -> str:
    """A few of many, with the number of the rest."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def number(version: str) -> Tuple[int, ...]:
    """A version for comparison."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


@dataclass(frozen=True)
class Option:
    """One parameter of a kind of check: its type, and its default unless it is required."""

    type: str = "str"
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of check: the function, and the parameters that it takes."""

    check: Callable[[Dict[str, Any], Host], Finding]
    options: Mapping[str, Option]


def required(kind: str = "str") -> Option:
    """A parameter that must be given."""
    return Option(type=kind, required=True)


@dataclass(frozen=True)
class Ran:
    """What a program said."""

    status: int
    out: str
    err: str


@dataclass
class Host:
    """The host that is looked at. Nothing here changes anything on it."""

    socket_path: str = "/run/mattermost/local.socket"
    timeout: int = 10
    root: str = "/"
    _kept: Dict[str, Any] = field(default_factory=dict, repr=False)

    def path(self, path: str) -> str:
        """Where a file of the host is."""
        return path if self.root == "/" else os.path.join(self.root, path.lstrip("/"))

    def read(self, path: str, *, limit: int = 4_000_000) -> str:
        """The end of a text file."""
        try:
            with open(self.path(path), "rb") as file:
                size = os.fstat(
                    file.fileno()
                ).st_size  # 0 for the kernel's files, which can only be read from their start
                if size > limit:
                    file.seek(size - limit)
                return file.read().decode("utf-8", "replace")
        except OSError as error:
            raise CannotCheck(f"Cannot read {path}: {error.strerror}.") from error

    def run(self, *argv: str) -> Ran:
        """Run a program of the system that only reads."""
        try:
            # Plain Python without AnsibleModule and its run_command, so that checks are tested without Ansible.
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                argv,
                capture_output=True,
                timeout=max(30, self.timeout),
                check=False,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise CannotCheck(f"{argv[0]} is not installed.") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotCheck(f"Cannot run {argv[0]}: {error}.") from error
        return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def answer(self, *argv: str) -> str:
        """What a program says; it has to succeed."""
        ran = self.run(*argv)
        if ran.status:
            raise CannotCheck(f"{argv[0]} failed ({ran.status}): {ran.err.strip() or 'it said nothing'}")
        return ran.out

    def now(self) -> float:
        """The time."""
        return time.time()

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What make gives, or the error it ends with, made once for all controls."""
        if name not in self._kept:
            try:
                self._kept[name] = (make(), None)
            except MattermostError as error:
                self._kept[name] = (None, error)
        value, failure = self._kept[name]
        if failure is not None:
            raise failure
        return value

    @cached_property
    def client(self) -> Client:
        """The server on this host, over its local socket."""
        return Client(Connection(socket_path=self.socket_path, timeout=self.timeout), retries=1)

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration in effect, environment variables included."""
        config: Mapping[str, Any] = self.once(
            "config", lambda: self.client.get("/config", tried="read the configuration")
        )
        return config

    @property
    def version(self) -> str:
        """The version of the server that runs."""
        return str(self.once("version", lambda: self.client.client_config.get("Version", "0")))

    @property
    def plugins(self) -> List[str]:
        """The plugins that are installed; none, when plugins are switched off altogether."""
        return [*self._plugins["active"], *self._plugins["inactive"]]

    @property
    def running_plugins(self) -> List[str]:
        """The plugins that run."""
        return self._plugins["active"]

    @property
    def _plugins(self) -> Dict[str, List[str]]:
        def make() -> Dict[str, List[str]]:
            try:
                found = self.client.get("/plugins", tried="list the plugins")
            except MattermostError as error:
                if error.error_id == "app.plugin.disabled.app_error":
                    return {"active": [], "inactive": []}
                raise
            return {group: [plugin["id"] for plugin in found[group]] for group in ("active", "inactive")}

        plugins: Dict[str, List[str]] = self.once("plugins", make)
        return plugins
