# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The expressions of access policies: read, evaluated, and refused with the place of the mistake."""

from __future__ import annotations

import pytest
from server.cel import CelError, Expression

ACCOUNT = {"Unit": "alpha", "Nations": ["AA", "BB"]}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('user.attributes.Unit == "alpha"', True),
        ("user.attributes.Unit == 'alpha'", True),
        ('user.attributes.Unit != "bravo"', True),
        ('user.attributes.Unit in ["alpha", "bravo"]', True),
        ("user.attributes.Unit in []", False),
        ('"AA" in user.attributes.Nations', True),
        ('"CC" in user.attributes.Nations', False),
        ('hasAnyOf(user.attributes.Nations, ["CC", "BB"])', True),
        ('user.attributes.Nations.hasAllOf(["CC", "BB"])', False),
        ('user.attributes.Nations.hasAllOf(["AA", "BB"])', True),
        ('user.attributes.Unit.startsWith("al") && user.attributes.Unit.endsWith("ha")', True),
        ('user.attributes.Unit.contains("x") || user.attributes.Unit.contains("lph")', True),
        ('!(user.attributes.Unit == "alpha")', False),
        ('user.attributes.Unit == "alpha" && ("AA" in user.attributes.Nations || user.attributes.Lost == "x")', True),
        # unknown attributes: neither this nor its contrary
        ('user.attributes.Lost == "x"', False),
        ('user.attributes.Lost != "x"', False),
        ('!(user.attributes.Lost == "x")', False),
        ('user.attributes.Lost == "x" || true', True),
        ("user.attributes.Unit < 3", False),
        ('user.attributes.Unit == "say \\"hi\\""', False),
    ],
)
def test_what_holds(text: str, holds: bool) -> None:
    assert Expression(text).holds(ACCOUNT) is holds


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("user.attributes.Unit ==", 1, 24),
        ('user.attributes.Unit = "alpha"', 1, 22),
        ('user.name == "x"', 1, 6),
        ("true &&\n  nonsense", 2, 3),
        ('user.attributes.Unit.matches("x")', 1, 22),
        ("true true", 1, 6),
        ('(user.attributes.Unit == "a"', 1, 29),
    ],
)
def test_where_the_mistake_is(text: str, line: int, column: int) -> None:
    with pytest.raises(CelError) as raised:
        Expression(text)
    assert (raised.value.line, raised.value.column) == (line, column), raised.value
