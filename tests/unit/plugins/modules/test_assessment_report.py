# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
from typing import Any, Callable, Dict, List

HOSTS: List[Dict[str, Any]] = [
    {
        "name": "server1",
        "components": ["mattermost_server"],
        "controls": [
            {
                "id": "X-01",
                "title": "t",
                "reference": "page: x",
                "component": "mattermost_server",
                "severity": "high",
                "kind": "setting",
                "verdict": "fail",
                "expected": "false",
                "found": "true",
                "remedy": "r",
                "evidence": [],
            }
        ],
    }
]
Run = Callable[..., Any]


def test_writes_the_report_once(run_module: Run, tmp_path: Any) -> None:
    dest = tmp_path / "new" / "assessment"
    first = run_module(
        "assessment_report", dest=str(dest), hosts=HOSTS, scenario="air_gapped", time="2026-08-21T12:00:00Z"
    )
    assert first["changed"]
    assert sorted(os.listdir(dest)) == ["report.html", "report.json", "report.xml"]
    assert first["files"] == [str(dest / name) for name in ("report.html", "report.json", "report.xml")]
    assert (first["attention"], first["counts"]["fail"]) == (1, 1)
    assert first["summary"][1] == "FAIL X-01 on server1: t"
    assert {stat.S_IMODE((dest / name).stat().st_mode) for name in os.listdir(dest)} == {0o640}
    before = {name: (dest / name).stat().st_mtime_ns for name in os.listdir(dest)}
    again = run_module(
        "assessment_report", dest=str(dest), hosts=HOSTS, scenario="air_gapped", time="2026-08-21T12:00:00Z"
    )
    assert not again["changed"]
    assert before == {name: (dest / name).stat().st_mtime_ns for name in os.listdir(dest)}


def test_another_result_is_another_report(run_module: Run, tmp_path: Any) -> None:
    run_module("assessment_report", dest=str(tmp_path), hosts=HOSTS)
    mended = json.loads(json.dumps(HOSTS))
    mended[0]["controls"][0].update(verdict="pass", found="false")
    result = run_module("assessment_report", dest=str(tmp_path), hosts=mended)
    assert result["changed"]
    assert '"verdict": "fail"' in result["diff"]["before"]
    assert '"verdict": "pass"' in result["diff"]["after"]
    assert result["diff"]["after"] == (tmp_path / "report.json").read_text()


def test_check_mode_writes_nothing_and_says_the_same(run_module: Run, tmp_path: Any) -> None:
    result = run_module("assessment_report", check=True, dest=str(tmp_path / "new"), hosts=HOSTS)
    assert result["changed"]
    assert result["attention"] == 1
    assert not (tmp_path / "new").exists()


def test_formats_and_verdicts_can_be_chosen(run_module: Run, tmp_path: Any) -> None:
    result = run_module(
        "assessment_report", dest=str(tmp_path / "r"), hosts=HOSTS, formats=["junit"], fail_on=["error"]
    )
    assert os.listdir(tmp_path / "r") == ["report.xml"]
    assert result["attention"] == 0
    assert (result["diff"]["before"], result["diff"]["after"]) == ("", "")


def test_a_place_that_cannot_be_written(run_module: Run, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    result = run_module("assessment_report", dest=str(tmp_path / "file"), hosts=HOSTS)
    assert result["failed"]
    assert result["msg"].startswith(f"Cannot write the report to {tmp_path}/file: ")
    assert result["msg"].endswith("Give a directory that can be written.")
