# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import bring as bring_thing
from ansible_collections.fieldops.mattermost.plugins.module_utils._resource import differences, ensure

OLD = {"name": "core", "display_name": "Core", "members": ["a", "b"]}


def bring(*, present=True, current=None, check_mode=False, **wanted):
    done = []

    def note(what, result):
        done.append(what)
        return result

    outcome = ensure(
        present=present,
        current=current,
        wanted=wanted,
        create=lambda: note("create", {"id": "1", **wanted}),
        update=lambda changes: note(f"update {sorted(changes)}", {**(current or {}), **changes}),
        delete=lambda: note("delete", None),
        check_mode=check_mode,
    )
    return outcome, done


def test_differences():
    wanted = {"name": "core", "display_name": None, "members": ["b", "a"], "purpose": "p"}
    assert differences(OLD, wanted) == {"purpose": "p"}
    ordered = [{"name": "a"}, {"name": "b"}]
    assert not differences({"options": ordered}, {"options": list(ordered)})
    assert differences({"options": ordered}, {"options": ordered[::-1]})


@pytest.mark.parametrize(
    ("arguments", "changed", "done", "found"),
    [
        ({"name": "core", "purpose": None}, True, ["create"], {"id": "1", "name": "core", "purpose": None}),
        ({"current": OLD, "display_name": "New"}, True, ["update ['display_name']"], {**OLD, "display_name": "New"}),
        ({"current": OLD, "members": ["b", "a"]}, False, [], OLD),
        ({"current": OLD, "present": False}, True, ["delete"], None),
        ({"present": False}, False, [], None),
    ],
)
def test_states(arguments, changed, done, found):
    outcome, did = bring(**arguments)
    assert (outcome.changed, did, outcome.found) == (changed, done, found)
    predicted, did = bring(check_mode=True, **arguments)
    assert (predicted.changed, did) == (changed, [])


def test_result():
    outcome, _did = bring(current=OLD, present=False)
    assert outcome.result("team") == {"changed": True, "diff": {"before": OLD, "after": {}}, "team": {}}
    outcome, _did = bring(check_mode=True, name="core", purpose=None)
    assert outcome.result("team")["team"] == {"name": "core"}


class Thing:
    """An object that is archived, not removed."""

    def __init__(self, current):
        self.current = current

    def read(self):
        return self.current

    def wanted(self):
        return {"name": "core", "active": True}

    def create(self):
        self.current = self.wanted()
        return self.current

    def update(self, changes):
        self.current = {**self.current, **changes}
        return self.current

    def delete(self):
        self.current = {**self.current, "active": False}
        return self.current


@pytest.mark.parametrize(
    ("current", "present", "changed", "after"),
    [
        (None, True, True, {"name": "core", "active": True}),
        (None, False, False, {}),
        ({"name": "core", "active": True}, True, False, {"name": "core", "active": True}),
        ({"name": "core", "active": True}, False, True, {"name": "core", "active": False}),
        ({"name": "core", "active": False}, False, False, {"name": "core", "active": False}),
        ({"name": "core", "active": False}, True, True, {"name": "core", "active": True}),
    ],
)
def test_archived(current, present, changed, after):
    for check_mode in (True, False):
        thing = Thing(current)
        result = bring_thing(thing, present=present, check_mode=check_mode).result("thing")
        assert (result["changed"], result["thing"]) == (changed, after)
        assert (thing.current == current) is (check_mode or not changed)
