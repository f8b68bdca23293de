# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that talks to a server is held to the official API description while its tests run; those of the engine get its sides."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.tests.unit import engine_fixtures
from ansible_collections.fieldops.mattermost.tests.unit.conformance import problems, uncovered
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, Request

# Those of the air-gap engine. Fixtures count where a name in the module stands for them.
keys = engine_fixtures.keys
no_proxies = engine_fixtures.no_proxies
no_waiting_for_disks = engine_fixtures.no_waiting_for_disks
side = engine_fixtures.side
upstream = engine_fixtures.upstream
web = engine_fixtures.web


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Note what is asked and answered, and judge it when the test is over."""
    exchanges: List[Tuple[Request, Any]] = []
    answer = FakeServer.answer

    def noted(self: FakeServer, asked: Request) -> Any:
        reply = answer(self, asked)
        exchanges.append((asked, reply))
        return reply

    monkeypatch.setattr(FakeServer, "answer", noted)
    yield
    found = {line for asked, reply in exchanges for line in problems(asked, reply)}
    module = request.path.stem[len("test_") :]
    found |= {line for asked, _reply in exchanges for line in uncovered(module, asked)}
    assert not found, "\n".join(sorted(found))
