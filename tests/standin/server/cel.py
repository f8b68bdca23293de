# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The part of the Common Expression Language that access policies are written in.

    user.attributes.Unit == "alpha" && user.attributes.Level in ["SECRET", "TOP"]
    "AA" in user.attributes.Nations || hasAnyOf(user.attributes.Nations, ["BB", "CC"])
    !user.attributes.Unit.startsWith("x")

What an account lacks is unknown: no comparison with it holds, and neither does the contrary.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<sign>&&|\|\||==|!=|<=|>=|[!<>()\[\],.])|(?P<wrong>\S))"""
)
_METHODS: dict[str, Callable[[Any, Any], bool]] = {
    "startsWith": lambda value, given: str(value).startswith(str(given)),
    "endsWith": lambda value, given: str(value).endswith(str(given)),
    "contains": lambda value, given: given in value,
    "hasAnyOf": lambda value, given: bool(set(_several(value)) & set(given)),
    "hasAllOf": lambda value, given: set(given) <= set(_several(value)),
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "in": lambda left, right: left in _several(right),
}
Node = Callable[[Dict[str, Any]], Any]
Token = Tuple[str, str, int]


def _several(value: Any) -> List[Any]:
    return value if isinstance(value, list) else [value]


class CelError(Exception):
    """An expression that cannot be read: where, and why."""

    def __init__(self, text: str, place: int, message: str) -> None:
        before = text[:place]
        self.line = before.count("\n") + 1
        self.column = place - (before.rfind("\n") + 1) + 1
        self.message = message
        super().__init__(f"{self.line}:{self.column}: {message}")

    def shown(self) -> dict[str, Any]:
        return {"line": self.line, "column": self.column, "message": self.message}


class Expression:
    """An expression that was read; `attributes` are those it names, each with its place in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.attributes: List[Tuple[str, int]] = []
        self._tokens = _tokens(text)
        self._next = 0
        self._root = self._either()
        if self._next < len(self._tokens):
            raise self._error("the expression goes on unexpectedly")

    def holds(self, attributes: dict[str, Any]) -> bool:
        """For an account with these attributes, by name."""
        return self._root(attributes) is True

    # -- reading, from the loosest binding to the tightest

    def _either(self) -> Node:
        return self._chain("||", self._both, lambda values: _first(values, True))

    def _both(self) -> Node:
        return self._chain("&&", self._not, lambda values: _first(values, False))

    def _chain(self, sign: str, part: Callable[[], Node], joined: Callable[[List[Any]], Any]) -> Node:
        nodes = [part()]
        while self._accept(sign):
            nodes.append(part())
        return nodes[0] if len(nodes) == 1 else lambda found: joined([node(found) for node in nodes])

    def _not(self) -> Node:
        if self._accept("!"):
            node = self._not()
            return lambda found: None if node(found) is None else not node(found)
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._value()
        sign = self._peek()
        if sign not in _COMPARISONS:
            return left
        self._next += 1
        return _known(_COMPARISONS[sign], left, self._value())

    def _value(self) -> Node:
        node = self._primary()
        while self._accept("."):
            name, place = self._name()
            if name not in _METHODS:
                raise CelError(self.text, place, f"undeclared reference to '{name}'")
            self._expect("(")
            node = _known(_METHODS[name], node, self._either())
            self._expect(")")
        return node

    def _primary(self) -> Node:
        if self._accept("("):
            node = self._either()
            self._expect(")")
            return node
        if self._accept("["):
            return self._list()
        kind, text, place = self._token()
        self._next += 1
        if kind in ("text", "number"):
            value = json.loads(_quoted(text) if kind == "text" else text)
            return lambda _found: value
        if text in ("true", "false"):
            return lambda _found: text == "true"
        if text in ("hasAnyOf", "hasAllOf"):
            return self._function(text)
        if text == "user":
            return self._attribute()
        raise CelError(self.text, place, f"undeclared reference to '{text}'")

    def _list(self) -> Node:
        nodes = []
        while not self._accept("]"):
            nodes.append(self._either())
            if self._peek() != "]":
                self._expect(",")
        return lambda found: [node(found) for node in nodes]

    def _function(self, name: str) -> Node:
        self._expect("(")
        value = self._either()
        self._expect(",")
        given = self._either()
        self._expect(")")
        return _known(_METHODS[name], value, given)

    def _attribute(self) -> Node:
        self._expect(".")
        self._expect("attributes")
        self._expect(".")
        name, place = self._name()
        self.attributes.append((name, place))
        return lambda found: found.get(name)

    # -- tokens

    def _token(self) -> Token:
        if self._next >= len(self._tokens):
            raise self._error("the expression ends too early")
        return self._tokens[self._next]

    def _peek(self) -> str:
        kind, text, _place = self._tokens[self._next] if self._next < len(self._tokens) else ("", "", 0)
        return text if kind in ("sign", "name") else ""

    def _accept(self, text: str) -> bool:
        found = self._peek() == text
        self._next += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._error(f"'{text}' is expected")

    def _name(self) -> Tuple[str, int]:
        kind, text, place = self._token()
        if kind != "name":
            raise self._error("a name is expected")
        self._next += 1
        return text, place

    def _error(self, message: str) -> CelError:
        ended = self._next >= len(self._tokens)
        return CelError(self.text, len(self.text) if ended else self._tokens[self._next][2], message)


def _tokens(text: str) -> List[Token]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "wrong":
            raise CelError(text, match.start(kind), f"token recognition error at: '{match[kind]}'")
        found.append((kind, match[kind], match.start(kind)))
    return found


def _quoted(text: str) -> str:
    """A text in single quotes as JSON writes it."""
    return text if text[0] == '"' else '"' + text[1:-1].replace('"', '\\"').replace("\\'", "'") + '"'


def _known(compare: Callable[[Any, Any], bool], left: Node, right: Node) -> Node:
    """A comparison that is unknown when a side is, or when the two cannot be compared."""

    def node(found: dict[str, Any]) -> Optional[bool]:
        one, other = left(found), right(found)
        if one is None or other is None:
            return None
        try:
            return compare(one, other)
        except TypeError:
            return None

    return node


def _first(values: List[Any], wanted: bool) -> Optional[bool]:
    """`wanted` if one of the values is, the contrary if all are that, else unknown."""
    if any(value is wanted for value in values):
        return wanted
    return None if any(value is None for value in values) else not wanted
