# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The assessment finds the sites as the architecture asks for them, and sees a setting that somebody changed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from conftest import WORK, needs_licence, run
from sites import playbook

HERE = Path(__file__).resolve().parents[1]
PATCH = (
    "import http.client,socket,json,sys\n"
    "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect('/run/mattermost/local.socket')\n"
    "c.request('PUT','/api/v4/config/patch',sys.argv[1],{'Content-Type':'application/json'});sys.exit(c.getresponse().status!=200)"
)


def assessed(name: str) -> subprocess.CompletedProcess[str]:
    given = ["assess_scenario=mission_partner", f"assess_output={WORK}/{name}"]
    return playbook(HERE, "fieldops.mattermost.assess", *(part for one in given for part in ("-e", one)))


@needs_licence
def test_the_assessment_passes():
    done = assessed("assessment")
    assert done.returncode == 0, done.stdout[-6000:]
    assert json.loads((WORK / "assessment/report.json").read_text())


def test_the_assessment_finds_a_setting_that_somebody_changed():
    def change(value: bool) -> None:
        settings = json.dumps({"PrivacySettings": {"ShowEmailAddress": value}})
        assert run("alpha-server", "python3", "-c", PATCH, settings).returncode == 0

    change(True)
    try:
        assert assessed("assessment-broken").returncode != 0
        failures = ElementTree.parse(WORK / "assessment-broken/report.xml").getroot().findall(".//failure")
        assert any("ShowEmailAddress" in ElementTree.tostring(failure, encoding="unicode") for failure in failures)
    finally:
        change(False)
