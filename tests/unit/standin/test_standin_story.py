# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The stand-in answers the recorded stories as the real servers did: statuses, error ids, keys and types.

STANDIN_TARGET=<release tarball of 9.11> tells the stories to a real server instead, which proves the tests.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from launcher import Server
from story import Teller, differences, read_lines

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "recorded"
TARGET = os.environ.get("STANDIN_TARGET", "")
# What the servers had set in their environment when they were recorded, besides what Server sets.
ENVIRONMENT = {"MM_SQLSETTINGS_DRIVERNAME": "postgres", "MM_PLUGINSETTINGS_ENABLEMARKETPLACE": "true"}


def answers(name: str) -> list[dict[str, Any]]:
    lines = read_lines(RECORDED / name)
    for line in lines:
        if "shape_of" in line:
            line["shape"] = lines[line.pop("shape_of")]["shape"]
    return lines


def wait_for_migration_job(target: Server) -> None:
    """A real server answers some routes differently in its first half minute."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        jobs = target.admin("GET", "/jobs")
        if jobs and jobs[0]["status"] == "success" and target.call("GET", "/schemes", token=target.token)[0] == 200:
            return
        time.sleep(1)
    raise AssertionError("the server's own migration job has not ended:\n" + target.log())


@pytest.mark.parametrize(
    ("version", "story", "recorded"),
    [
        ("9.11.0", "story.jsonl", "story-9.11.jsonl"),
        ("9.11.0", "more.jsonl", "more-9.11.jsonl"),
        ("11.6.0", "story.jsonl", "story-11.6.jsonl"),
    ],
)
def test_answers_as_recorded(server: Callable[..., Server], version: str, story: str, recorded: str) -> None:
    archive = Path(TARGET) if TARGET else None
    if archive is not None and not version.startswith("9.11"):
        pytest.skip("the real release is a 9.11")
    target = server(version, archive=archive, env=ENVIRONMENT)
    target.env["MM_SERVICESETTINGS_SITEURL"] = target.base
    target.start().make_admin()
    if archive is not None:
        wait_for_migration_job(target)
    teller = Teller(target.base, target.socket, patience=1.0 if archive else 0.0)
    steps, expected = read_lines(RECORDED / story), answers(recorded)
    assert len(steps) == len(expected)
    wrong = []
    for number, (step, answer) in enumerate(zip(steps, expected)):
        for line in differences(answer, teller.tell(step)):
            who = step.get("as") or step.get("via") or "anonymous"
            wrong.append(f"{number} {who} {step['method']} {step['path']}: {line}")
    assert not wrong, "\n".join(wrong)
