# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A licence of the stand-in: its form, the ways it comes in, what is refused, and what clients are told."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Callable

import pytest
from launcher import Server

FORM = {"Content-Type": "multipart/form-data; boundary=xyz"}
SOON = "/license/client?format=old"


def form(content: bytes) -> bytes:
    head = b'--xyz\r\nContent-Disposition: form-data; name="license"; filename="x.mattermost-license"\r\n\r\n'
    return head + content + b"\r\n--xyz--\r\n"


def install(target: Server, content: bytes) -> tuple[int, Any]:
    return target.call("POST", "/license", token=target.token, headers=FORM, raw=form(content))


def licensed(target: Server) -> str:
    return str(target.call("GET", SOON)[1]["IsLicensed"])


def test_the_form_of_a_licence_and_who_it_is_for(licence: Callable[..., Path]) -> None:
    decoded = base64.b64decode(licence("advanced").read_bytes())
    assert decoded[:7] == b'{"id": ' and decoded[-257:-256] == b"}"
    assert b'"company": "Stand-in: no real server takes this licence"' in decoded
    assert decoded[-256:] == decoded[-64:] * 4


@pytest.mark.parametrize("version", ["9.11.0", "11.6.0"])
def test_installed_kept_and_removed(server: Callable[..., Server], licence: Callable[..., Path], version: str) -> None:
    target = server(version, edition="enterprise").start().make_admin()
    assert target.home.parent.name == "a" and licensed(target) == "false"
    status, answer = install(target, licence("enterprise", users=7).read_bytes())
    assert (status, answer["sku_short_name"], answer["features"]["users"]) == (200, "enterprise", 7)
    target.restart()
    assert target.send("GET", "/system/ping")[2]["x-version-id"].endswith(".true")
    shown = target.admin("GET", SOON)
    assert (shown["IsLicensed"], shown["Id"], shown["DataRetention"]) == ("true", answer["id"], "true")
    assert "Id" not in target.call("GET", SOON)[1] and target.call("GET", SOON)[1]["SkuShortName"] == "enterprise"
    on_socket = target.call("GET", SOON, local=True)
    assert on_socket == ((200, shown) if version == "11.6.0" else (404, on_socket[1]))
    assert target.admin("GET", "/limits/server")["maxUsersLimit"] == 0
    assert target.call("DELETE", "/license", local=True)[0] == 200
    assert licensed(target) == "false" and licensed(target.restart()) == "false"


def test_what_is_refused(server: Callable[..., Server], licence: Callable[..., Path]) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    good = base64.b64decode(licence().read_bytes())
    damaged = base64.b64encode(good.replace(b'"is_trial": false', b'"is_trial": true '))
    for content, reason in (
        (b"", "invalid"),
        (b"not base64!", "invalid"),
        (base64.b64encode(b"short"), "invalid"),
        (damaged, "invalid"),
        (licence(days=-1).read_bytes(), "expired"),
        (licence(users=0).read_bytes(), "unique_users"),
    ):
        status, answer = install(target, content)
        assert (status, answer["id"]) == (400, f"api.license.add_license.{reason}.app_error")
    assert licensed(target) == "false"


def test_it_comes_with_the_environment_before_all(server: Callable[..., Server], licence: Callable[..., Path]) -> None:
    text = licence("professional").read_text()
    target = server("11.6.0", edition="enterprise", env={"MM_LICENSE": text}).start().make_admin()
    assert target.admin("GET", SOON)["SkuShortName"] == "professional"
    target.env["MM_LICENSE"] = "nonsense"
    assert install(target, licence().read_bytes())[0] == 200
    assert licensed(target.restart()) == "false"
    del target.env["MM_LICENSE"]
    assert target.restart().admin("GET", SOON)["SkuShortName"] == "enterprise"


@pytest.mark.parametrize("place", ["config", "elsewhere"])
def test_a_file_is_taken_once(
    server: Callable[..., Server], licence: Callable[..., Path], tmp_path: Path, place: str
) -> None:
    target = server("9.11.0", edition="enterprise")
    file = target.home / "config" / "mattermost.mattermost-license"
    if place == "elsewhere":
        file = tmp_path / "given"
        target.env["MM_SERVICESETTINGS_LICENSEFILELOCATION"] = str(file)
    file.write_bytes(licence("professional").read_bytes())
    target.start().make_admin()
    assert target.admin("GET", SOON)["SkuShortName"] == "professional"
    file.write_bytes(licence("enterprise").read_bytes())
    assert target.restart().admin("GET", SOON)["SkuShortName"] == "professional"


def test_a_team_edition_takes_a_licence_and_stays_one(
    server: Callable[..., Server], licence: Callable[..., Path]
) -> None:
    target = server("11.6.0").start().make_admin()
    assert install(target, licence("advanced").read_bytes())[0] == 200
    assert target.admin("GET", SOON)["IsLicensed"] == "true"
    assert target.admin("GET", "/config/client?format=old")["BuildEnterpriseReady"] == "false"


def test_the_enterprise_build(tarball: Callable[..., Path], server: Callable[..., Server]) -> None:
    assert tarball("11.6.0", edition="enterprise").name == "mattermost-11.6.0-linux-amd64.tar.gz"
    target = server("11.6.0", edition="enterprise").start().make_admin()
    assert target.admin("GET", "/config/client?format=old")["BuildEnterpriseReady"] == "true"
    assert target.call("POST", "/schemes", {}, token=target.token)[1]["id"] == "api.scheme.create_scheme.license.error"


def test_the_modules_of_the_collection_work_with_it(
    server: Callable[..., Server], licence: Callable[..., Path], run_module: Callable[..., dict[str, Any]]
) -> None:
    target = server("11.6.0", edition="enterprise").start().make_admin()
    by_url, by_socket = {"url": target.base, "token": target.token}, {"socket_path": target.socket}
    file = str(licence("enterprise"))
    for connection in (by_url, by_socket):
        assert run_module("license", path=file, check=True, **connection)["changed"]
        result = run_module("license", path=file, **connection)
        assert result["changed"] and not run_module("license", path=file, **connection)["changed"]
        known = run_module("server_info", **connection)["server"]
        assert known["enterprise_ready"] and known["license"] == {"is_licensed": True, **result["license"]}
        assert run_module("license", state="absent", **connection)["changed"]
        assert not run_module("license", state="absent", **connection)["changed"]
    refused = run_module("license", path=str(licence(days=-1)), **by_url)
    assert refused["failed"] and "expired" in refused["msg"]
