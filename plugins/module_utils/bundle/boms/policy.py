# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The policy section of a bill of materials: what must not be carried, and what becomes of a bundle that would."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import BundleError
from ..names import union
from ..reader import Reader

_KEYS = ("must_not_contain", "must_not_license", "apt_components", "scan", "scan_again_days", "on_violation")
_PATTERN = re.compile(r"[A-Za-z0-9*?][^\s\[\]]*")
_LICENSE = re.compile(r"[^\s\[\]](?:[^\[\]\n]*[^\s\[\]])?")
_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
_CHOICES = ("stop", "withhold")
_DAYS = 7


@dataclass(frozen=True)
class Policy:
    """What a person decided. It travels in the lock, as the scan is run when the bundle is made."""

    must_not_contain: Tuple[str, ...] = ()
    apt_components: Tuple[str, ...] = ()
    scan: Tuple[str, ...] = ()
    scan_again_days: int = _DAYS
    on_violation: str = "stop"
    must_not_license: Tuple[str, ...] = ()

    @property
    def withholds(self) -> bool:
        return self.on_violation == "withhold"

    def has_component(self, name: str) -> bool:
        return not self.apt_components or name in self.apt_components

    def told(self) -> Dict[str, Any]:
        """For a lock, without what is as it would be anyway."""
        fresh = asdict(Policy())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != fresh[name]
        }

    @classmethod
    def of_lock(cls, told: Mapping[str, Any]) -> Policy:
        """Back from a lock."""
        reader = Reader()
        policy = read(reader, "policy", told)
        if reader.problems or policy is None:
            raise BundleError(f"The lock's policy is not usable: {' '.join(reader.problems)}")
        return policy


NO_POLICY = Policy()


def pattern_for(name: str, patterns: Sequence[str]) -> str:
    """The pattern that forbids a name, if one does."""
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), "")


def read(reader: Reader, where: str, row: object) -> Optional[Policy]:
    item = reader.table(where, row, _KEYS, ())
    if item is None:
        return None
    days = item.get("scan_again_days", _DAYS)
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 3650:
        reader.wrong(f"{where}.scan_again_days", f"a number of days from 0 to 3650 is expected, not {days!r}.")
        days = _DAYS
    choice = item.get("on_violation", "stop")
    if choice not in _CHOICES:
        reader.wrong(f"{where}.on_violation", f"stop or withhold is expected, not {choice!r}.")
    scan = tuple(reader.text(at, part) for at, part in reader.rows(f"{where}.scan", item.get("scan")))
    if scan and not any("{path}" in part for part in scan[1:]):
        reader.wrong(f"{where}.scan", "the command has to name the file it is to look at: give {path} as an argument.")
    forbidden, components = f"{where}.must_not_contain", f"{where}.apt_components"
    licenses = f"{where}.must_not_license"
    return Policy(
        reader.texts(forbidden, item.get("must_not_contain"), _PATTERN, "a name, or a pattern with * and ?"),
        reader.texts(components, item.get("apt_components"), _COMPONENT, "the name of a component"),
        scan,
        days,
        str(choice),
        reader.texts(licenses, item.get("must_not_license"), _LICENSE, "a licence, or a pattern with * and ?"),
    )


def join(reader: Reader, policies: List[Policy]) -> Tuple[Policy, ...]:
    """Of several BOMs the strictest of each: none loosens what another one says."""
    joined: Optional[Policy] = None
    for policy in policies:
        joined = policy if joined is None else _stricter(reader, joined, policy)
    return (joined,) if joined is not None else ()


def _stricter(reader: Reader, first: Policy, second: Policy) -> Policy:
    if first.scan and second.scan and first.scan != second.scan:
        reader.wrong("policy.scan", "two bills of materials name different commands; name one that runs both.")
    components = first.apt_components or second.apt_components
    if first.apt_components and second.apt_components:
        components = tuple(name for name in first.apt_components if name in second.apt_components)
        if not components:
            reader.wrong(
                "policy.apt_components", "two bills of materials have none in common, so nothing would be left."
            )
    return Policy(
        union(first.must_not_contain, second.must_not_contain),
        components,
        first.scan or second.scan,
        min(first.scan_again_days, second.scan_again_days),
        "stop" if "stop" in (first.on_violation, second.on_violation) else "withhold",
        union(first.must_not_license, second.must_not_license),
    )
