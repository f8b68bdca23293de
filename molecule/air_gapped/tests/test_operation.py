# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What an operator runs next: the bundle again, the assessment, and the play with mistakes in it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from xml.etree import ElementTree

import pytest
from conftest import HERE, WORK, effective_settings, playbook

PATCH = (
    "import http.client,socket,json,sys\n"
    "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect('/run/mattermost/local.socket')\n"
    "c.request('PUT','/api/v4/config/patch',sys.argv[1],{'Content-Type':'application/json'});sys.exit(c.getresponse().status!=200)"
)


def test_making_the_bundle_again_changes_nothing():
    run = playbook(str(HERE.parent / "shared/bundle.yml"))
    assert run.returncode == 0, run.stdout[-3000:]
    assert re.search(r"^builder\s.*changed=0 ", run.stdout, re.M), run.stdout[-1500:]


def test_the_assessment_passes(hosts):
    run = playbook("fieldops.mattermost.assess", "-e", f"assess_output={WORK}/assessment")
    assert run.returncode == 0, run.stdout[-4000:]
    report = json.loads((WORK / "assessment/report.json").read_text())
    assert report
    assert (WORK / "assessment/report.html").stat().st_size > 5000
    assert ElementTree.parse(WORK / "assessment/report.xml").getroot().tag == "testsuites"


def test_the_assessment_finds_a_setting_that_somebody_changed(hosts):
    host = hosts["server1"]
    host.check_output("python3 -c %s %s", PATCH, json.dumps({"ServiceSettings": {"EnableLinkPreviews": True}}))
    try:
        run = playbook("fieldops.mattermost.assess", "-e", f"assess_output={WORK}/assessment-broken")
        assert run.returncode != 0
        failures = ElementTree.parse(WORK / "assessment-broken/report.xml").getroot().findall(".//failure")
        assert any("EnableLinkPreviews" in ElementTree.tostring(failure, encoding="unicode") for failure in failures)
    finally:
        host.check_output("python3 -c %s %s", PATCH, json.dumps({"ServiceSettings": {"EnableLinkPreviews": False}}))
    assert effective_settings(host)["ServiceSettings"]["EnableLinkPreviews"] is False


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"air_gapped_version": "11"}, "give the release's full number"),
        ({"air_gapped_bundle_key": "/no/such/key.asc"}, "which is no file on this control node"),
        ({"air_gapped_admin_password": "short"}, "shorter than 14 characters"),
        ({"air_gapped_client_networks": ["10.1.2.3/16"]}, "has bits set beyond its prefix"),
        ({"air_gapped_settings_extra": {"ServiceSettings": {"EnableLinkPreviews": True}}}, "which the air gap forbids"),
    ],
)
def test_a_mistake_stops_the_play_before_anything_is_touched(variables, said):
    run = playbook("fieldops.mattermost.air_gapped", "-e", json.dumps(variables))
    assert run.returncode != 0
    assert said in run.stdout + run.stderr
    assert not re.search(r"changed=[1-9]", run.stdout)


def test_rules_that_shut_the_operator_out_take_themselves_back(hosts):
    before = hosts["proxy"].check_output("nft list table inet mattermost | grep -v packets")
    run = playbook(str(HERE / "lockout.yml"))
    assert run.returncode != 0, "the operator was not shut out, so this proves nothing"
    for _attempt in range(30):
        if hosts["proxy"].check_output("nft list table inet mattermost | grep -v packets") == before:
            break
        time.sleep(1)
    else:
        pytest.fail("the old rules did not come back within half a minute")
    assert hosts["proxy"].run("systemctl is-active mattermost-firewall-rollback.timer").stdout.strip() == "inactive"


def test_a_tampered_medium_is_refused_by_name(tmp_path):
    subprocess.run(
        ["cp", "--archive", str(WORK / "medium/mattermost-air-gapped"), str(tmp_path / "medium")], check=True
    )
    victim = max(
        (path for path in (tmp_path / "medium").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    with victim.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    arguments = json.dumps({"path": str(tmp_path / "medium"), "keyring": str(WORK / "keys/bundle-key.asc")})
    command = ["ansible", "localhost", "-c", "local", "-m", "fieldops.mattermost.bundle_info", "-a", arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert victim.name in run.stdout + run.stderr
