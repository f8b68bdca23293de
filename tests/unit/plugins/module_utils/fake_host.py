# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that a test has made: files below a directory, programs that answer what they are told to, and a clock that stands."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Dict, List

from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import CannotCheck, Finding, Host, Ran
from ansible_collections.fieldops.mattermost.plugins.module_utils._controls import KINDS, check, parse

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@dataclass
class FakeHost(Host):
    """The programs answer by the beginning of their command line."""

    programs: Dict[str, Any] = field(default_factory=dict)
    ran: List[str] = field(default_factory=list)

    def run(self, *argv: str) -> Ran:
        line = " ".join(argv)
        self.ran.append(line)
        for start, answer in self.programs.items():
            if line.startswith(start) or f"-- {start}" in line:
                return answer if isinstance(answer, Ran) else Ran(0, answer, "")
        raise CannotCheck(f"{argv[0]} is not installed.")

    def now(self) -> float:
        return NOW

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        place = self.path(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(place, mode)


def control(kind: str, **params: Any) -> Dict[str, Any]:
    """The data of a control."""
    return {
        "id": "T-01",
        "title": "A requirement",
        "reference": "page: A heading",
        "component": "all",
        "severity": "high",
        "remedy": "Mend it.",
        "check": {"kind": kind, **params},
    }


def verdict(host: Host, kind: str, **params: Any) -> Finding:
    """What the check of a control finds."""
    assert kind in KINDS
    return check(parse(0, control(kind, **params)), host).finding
