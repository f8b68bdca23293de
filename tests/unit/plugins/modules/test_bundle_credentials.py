# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option credentials, from a lock to a bundle: what is secret is sent where it belongs, and is nowhere else."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.registries import Image
from ansible_collections.fieldops.mattermost.tests.unit.token_registry import PASSWORD, TokenRegistry
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def tokens() -> Iterator[TokenRegistry]:
    server = TokenRegistry()
    server.add("team/one", "1.0", Image(b"a layer", b"another"))
    yield server
    server.stop()


def test_from_a_registry_that_wants_a_login(side: Side, tokens: TokenRegistry, run_module: Run) -> None:
    image = {
        "name": f"{tokens.host}/team/one:1.0",
        "plain_http": {"reason": "it is on this machine"},
        "unverified": {"reason": "the tests have only a tag"},
    }
    given = {"bom": {"name": "site", "images": [image]}, "path": side.lock_path, "store": side.store}
    result = run_module("bundle_lock", **given)
    assert f"Give username and password, or token, for {tokens.url} in credentials." in result["msg"]
    wrong = [{**tokens.credentials[0], "password": "wr0ng-one"}]
    result = run_module("bundle_lock", **given, credentials=wrong)
    assert f"the server refuses what credentials give for {tokens.url} (HTTP 401)" in result["msg"]
    assert "wr0ng-one" not in result["text"]
    result = run_module("bundle_lock", **given, credentials=tokens.credentials)
    assert result["counts"] == {"blob": 3, "image": 1}
    lock = {"lock": side.lock_path, "store": side.store, "output": side.output, "gnupghome": side.keys["bundle"].home}
    made = run_module("bundle", **lock, credentials=tokens.credentials)
    assert made["objects_fetched"] == 2
    again = run_module("bundle", **lock)
    assert (again["changed"], again["objects_fetched"]) == (False, 0)
    secrets = [PASSWORD, *tokens.valid]
    for text in (result["text"], made["text"]):
        assert not [secret for secret in secrets if secret in text]
    for path in side.top.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in secrets if secret.encode() in data], path


def test_both_modules_say_what_is_wrong_with_credentials(side: Side, run_module: Run) -> None:
    given = {"bom": {"name": "site", "files": [side.file("x", b"x")]}, "path": side.lock_path, "store": side.store}
    odd = [{"url": "ftp://example.com", "token": "t0ken-of-the-tests"}]
    result = run_module("bundle_lock", **given, credentials=odd)
    assert result["msg"].startswith("credentials[0]: url has to be the beginning of an https URL")
    assert run_module("bundle_lock", **given)["changed"]
    lock = {"lock": side.lock_path, "store": side.store, "output": side.output, "gnupghome": side.keys["bundle"].home}
    result = run_module("bundle", **lock, credentials=odd)
    assert result["msg"].startswith("credentials[0]: url has to be the beginning of an https URL")
    assert "t0ken-of-the-tests" not in result["text"]
