# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the API family share: a small server on a real socket, and modules run by their real main()."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
from typing import Any, Callable, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer

MODULES = "ansible_collections.fieldops.mattermost.plugins.modules."


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A server on a Unix socket."""
    server = FakeServer(unix=True)
    yield server
    server.stop()


@pytest.fixture
def fake_url() -> Iterator[FakeServer]:
    """A server on a port of the loopback interface."""
    server = FakeServer(unix=False)
    yield server
    server.stop()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """Nothing waits; the pauses that were asked for are noted."""
    noted: List[float] = []
    monkeypatch.setattr("time.sleep", noted.append)
    return noted


Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Run:
    """Run a module's main() with these arguments; gives what it prints, as Ansible gets it."""
    from ansible.module_utils.testing import patch_module_args

    for name in list(os.environ):
        if name.startswith("MATTERMOST_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    def run(name: str, /, *, check: bool = False, **args: Any) -> Dict[str, Any]:
        module = importlib.import_module(MODULES + name)
        internal = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(tmp_path)}
        output = io.StringIO()
        monkeypatch.setattr("ansible.module_utils.common.warnings._global_warnings", {}, raising=False)
        quiet = contextlib.redirect_stdout(output)
        with patch_module_args({**args, **internal}), quiet, pytest.raises(SystemExit) as exit_info:
            module.main()
        result: Dict[str, Any] = json.loads(output.getvalue())
        assert bool(exit_info.value.code) == bool(result.get("failed"))
        result["text"] = output.getvalue()
        return result

    return run
