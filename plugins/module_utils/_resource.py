# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way an object is brought into its state: what is reported as changed is what the comparison found.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional, Protocol

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


class Resource(Protocol):
    """An object that knows how to find, make, change and remove itself."""

    def read(self) -> Optional[Fields]:
        """The object as it is shown; None when there is none."""

    def wanted(self) -> Fields:
        """What is asked for, fields that were not given being None; asked after read()."""

    def create(self) -> Fields:
        """Make it."""

    def update(self, changes: Fields) -> Fields:
        """Change these fields."""

    def delete(self) -> Optional[Fields]:
        """Remove it; gives what is left."""


def bring(resource: Resource, *, present: bool, check_mode: bool) -> Outcome:
    """Bring an object into its state.

    What the server only archives or deactivates has a field `active`: then it is there no more, but is still shown.
    """
    current = resource.read()
    gone = not present and current is not None and current.get("active") is False
    outcome = ensure(
        present=present,
        current=None if gone else current,
        wanted=resource.wanted() if present else {},
        create=resource.create,
        update=resource.update,
        delete=resource.delete,
        check_mode=check_mode,
    )
    if gone:
        outcome.found = current
    elif check_mode and not present and current and "active" in current:
        outcome.found = outcome.after = {**current, "active": False}
    return outcome
