# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way an object is brought into its state: what is reported as changed is what the comparison found.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional

Fields = Dict[str, Any]


@dataclass
class Outcome:
    """What was found, what it became, and how the object looks now (in check mode: would look)."""

    changed: bool = False
    before: Fields = field(default_factory=dict)
    after: Fields = field(default_factory=dict)
    found: Optional[Fields] = None

    def result(self, name: str) -> Dict[str, Any]:
        """For exit_json; the object stands under its own name."""
        return {"changed": self.changed, "diff": {"before": self.before, "after": self.after}, name: self.found or {}}


def differences(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> Fields:
    """The wanted fields that differ; fields that were not given (None) are left alone."""
    return {
        name: value
        for name, value in wanted.items()
        if value is not None and _plain(value) != _plain(current.get(name))
    }


def _plain(value: Any) -> Any:
    """Lists of names are sets; of other lists the order counts."""
    names = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return sorted(value) if names else value


def ensure(
    *,
    present: bool,
    current: Optional[Fields],
    wanted: Mapping[str, Any],
    create: Callable[[], Fields],
    update: Callable[[Fields], Fields],
    delete: Callable[[], Optional[Fields]],
    check_mode: bool,
) -> Outcome:
    """Bring one object into its state, or only tell what that would change.

    The functions get and give the object as it is shown; secrets are not part of it. `delete` gives what is left.
    """
    given = {name: value for name, value in wanted.items() if value is not None}
    if not present:
        if current is None:
            return Outcome()
        left = None if check_mode else delete()
        return Outcome(changed=True, before=current, after=left or {}, found=left)
    if current is None:
        new = given if check_mode else create()
        return Outcome(changed=True, before={}, after=new, found=new)
    changes = differences(current, given)
    if not changes:
        return Outcome(before=current, after=current, found=current)
    new = {**current, **changes} if check_mode else update(changes)
    return Outcome(changed=True, before=current, after=new, found=new)
