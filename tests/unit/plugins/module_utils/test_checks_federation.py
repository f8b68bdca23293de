# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of links: well, not well, too old, not there."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import (
    ERROR,
    FAIL,
    NOT_APPLICABLE,
    PASS,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils._controls import check, parse
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import (
    FakeHost,
    control,
    verdict,
)

LINK = {"peer": "bravo", "healthy": True, "reasons": []}


def report(**changes: Any) -> Dict[str, Any]:
    status = {
        "checked_at": "2027-01-15 07:30:00 UTC",
        "connections": [LINK, {"peer": "charlie", "healthy": True, "reasons": []}],
        "unlisted_connections": [],
        "unlisted_channels": [],
        **changes,
    }
    return {"status": status, "links": []}


def found(**params: Any) -> Any:
    return verdict(FakeHost(), "federation", **{"links": True, "path": "report.json", "report": report(), **params})


def test_links_that_are_well() -> None:
    finding = found()
    assert (finding.verdict, finding.found) == (PASS, "links: 2, all well")
    assert finding.evidence == ("as of 2027-01-15 07:30:00 UTC",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"connections": [{**LINK, "healthy": False, "reasons": ["It does not answer."]}]},
            "bravo: It does not answer.",
        ),
        ({"connections": [{**LINK, "healthy": False}]}, "bravo: it is not well"),
        ({"unlisted_connections": ["delta"]}, "delta: a connection that the table does not know"),
        ({"unlisted_channels": ["secret (bravo)"]}, "secret (bravo): shared, and the table does not know it"),
        ({"checked_at": "2027-01-14 07:00:00 UTC"}, "the report is 25 hours old"),
    ],
)
def test_links_that_are_not(changes: Dict[str, Any], words: str) -> None:
    finding = found(report=report(**changes))
    assert (finding.verdict, finding.found) == (FAIL, words)


@pytest.mark.parametrize(
    ("params", "kind", "words"),
    [
        ({"links": False}, NOT_APPLICABLE, "There are no links with partners."),
        ({"report": {}}, ERROR, "There is no report of the links at report.json"),
        ({"report": {"status": {}}}, ERROR, "report.json is no report of the links."),
        ({"report": report(checked_at="yesterday")}, ERROR, "report.json is no report of the links."),
        ({"report": report(connections=None)}, ERROR, "report.json is no report of the links."),
    ],
)
def test_what_cannot_be_judged(params: Dict[str, Any], kind: str, words: str) -> None:
    finding = found(**params)
    assert finding.verdict == kind and finding.found.startswith(words)


@pytest.mark.parametrize(("applies", "kind"), [("False", NOT_APPLICABLE), (True, PASS)])
def test_a_part_that_is_off_is_not_checked(applies: Any, kind: str) -> None:
    data = {**control("federation", links=True, path="x", report=report()), "applies": applies}
    assert check(parse(0, data), FakeHost()).finding.verdict == kind
