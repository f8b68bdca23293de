# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that talks to a server is held to the official API description while its tests run."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.conformance import problems
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, Request


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Note what is asked and answered, and judge it when the test is over."""
    exchanges: List[Tuple[Request, Any]] = []
    answer = FakeServer.answer

    def noted(self: FakeServer, request: Request) -> Any:
        reply = answer(self, request)
        exchanges.append((request, reply))
        return reply

    monkeypatch.setattr(FakeServer, "answer", noted)
    yield
    found = sorted({line for request, reply in exchanges for line in problems(request, reply)})
    assert not found, "\n".join(found)
