# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The assessment finds the parts as they are to be. What it finds wrong is the link, which the partner has not accepted yet."""

from __future__ import annotations

import json

import pytest
from conftest import WORK, played

OF_PARTS = ("MP-60", "MP-61", "MP-62", "MP-63", "MP-64")


@pytest.fixture(scope="module")
def controls() -> list[dict]:
    given = ["assess_scenario=mission_partner", f"assess_output={WORK}/assessment"]
    _status, output = played("fieldops.mattermost.assess", *(part for one in given for part in ("-e", one)))
    assert "checks on 2 hosts" in output, output[-3000:]
    found: list[dict] = json.loads((WORK / "assessment/report.json").read_text())["controls"]
    return found


def test_all_passes_but_the_link_that_waits_for_its_partner(controls):
    wrong = [row for row in controls if row["verdict"] not in ("pass", "not_applicable", "info")]
    assert [row["id"] for row in wrong] == ["MP-27"], wrong
    assert "bravo has not accepted the invitation yet" in wrong[0]["found"]


@pytest.mark.parametrize("control", OF_PARTS)
def test_a_control_of_the_parts_passes(controls, control):
    assert [row["verdict"] for row in controls if row["id"] == control] == ["pass"]
