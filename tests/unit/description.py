# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official API description and the recorded answers of real servers, in one form that JSON values are held to.

The description comes out of two clients that are generated from it: one has typed models of bodies and answers, the other one
is made from a newer description and has its newest routes. What real servers answered is in tests/fixtures/recorded.

A shape is a dict (names to shapes), a list of one shape, the name of a JSON type, ANYTHING, or a tuple of alternatives.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import parse_qsl

import mattermost_api_reference_client as typed
import mattermostautodriver as newest

RECORDED = Path(__file__).resolve().parents[1] / "fixtures" / "recorded"
ANYTHING = "anything"
_TYPES = {bool: "bool", int: "number", float: "number", str: "string", type(None): "null"}
_NAMES = {"str": "string", "int": "number", "float": "number", "bool": "bool", "None": "null"}
_POP = re.compile(r'(\w+) = [^\n]*?d\.pop\("([^"]+)"(, UNSET)?\)')


@dataclass
class Operation:
    """One method of one path."""

    method: str
    path: str
    query: set = field(default_factory=set)
    bodies: List[Any] = field(default_factory=list)
    answers: List[Any] = field(default_factory=list)
    required: set = field(default_factory=set)
    families: set = field(default_factory=set)

    def matches(self, path: str) -> bool:
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.path), path) is not None


def operations() -> List[Operation]:
    """Everything that is described, the recorded answers with what they are answers to."""
    return list(_operations().values())


@functools.lru_cache(maxsize=None)
def find(method: str, path: str) -> Optional[Operation]:
    """The operation of a request; names go before placeholders."""
    found = [one for one in operations() if one.method == method and one.matches(path)]
    return min(found, key=lambda one: one.path.count("{"), default=None)


@functools.lru_cache(maxsize=None)
def _operations() -> Dict[Tuple[str, str], Operation]:
    found: Dict[Tuple[str, str], Operation] = {}

    def at(method: str, path: str) -> Operation:
        path = path[len("/api/v4") :] if path.startswith("/api/v4") else path
        # The same place has another name in the other client.
        key = (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        return found.setdefault(key, Operation(method.upper(), path))

    _read_typed(at)
    _read_newest(at)
    return found


def _read_typed(at: Any) -> None:
    for source in sorted(Path(typed.__path__[0]).glob("api/*/*.py")):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        [make] = [one for one in tree.body if getattr(one, "name", "") == "_get_kwargs"] or [None]
        if make is None:
            continue
        text = {}
        for node in ast.walk(make):
            if isinstance(node, ast.Dict):
                text.update(
                    {
                        key.value: value.func.value.value if isinstance(value, ast.Call) else value.value
                        for key, value in zip(node.keys, node.values)
                        if isinstance(key, ast.Constant) and key.value in ("method", "url")
                    }
                )
        operation = at(text["method"], text["url"])
        operation.families.add(source.parent.name)
        operation.query |= set(re.findall(r'params\["([^"]+)"\] =', ast.unparse(make).replace("'", '"')))
        try:
            module = importlib.import_module(f"{typed.__name__}.api.{source.parent.name}.{source.stem}")
        except ModuleNotFoundError:  # a model that the generator left out
            continue
        hints = typing.get_type_hints(module._get_kwargs)
        if "body" in hints:
            operation.bodies.append(_of_hint(hints["body"]))
            operation.required |= _required(hints["body"])
        answer = typing.get_type_hints(module._parse_response)["return"]
        operation.answers.append(_of_hint(answer))


def _read_newest(at: Any) -> None:
    for source in sorted(Path(newest.__path__[0]).glob("endpoints/*.py")):
        for call in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.FunctionDef):
                continue
            text = ast.unparse(call)
            sent = re.search(r"self\.client\.(\w+)\(f?'([^']+)'(.*)\)$", text)
            if sent is None:
                continue
            operation = at(sent.group(1), sent.group(2))
            operation.families.add(source.stem)
            hints = {argument.arg: _of_annotation(argument.annotation) for argument in call.args.args[1:]}
            for kind, names in re.findall(r"__(params|options|files)(?:_\w+)? = (\{.*?\})", text):
                given = set(re.findall(r"'([^']+)':", names))
                if kind == "params":
                    operation.query |= given
                else:
                    operation.bodies.append({name: hints.get(name, ANYTHING) for name in given})
            if "options" in hints and "__options" not in text:
                operation.bodies.append(ANYTHING if hints["options"] == ANYTHING else hints["options"])


def _of_annotation(node: Any) -> Any:
    if isinstance(node, ast.BinOp):
        return (_of_annotation(node.left), _of_annotation(node.right))
    if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "list":
        return [_of_annotation(node.slice)]
    return _NAMES.get(ast.unparse(node) if node else "", ANYTHING)


def _of_hint(hint: Any, above: Tuple[Any, ...] = ()) -> Any:
    """The shape of what a model, or anything its fields can be, is as JSON."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        left_out = ("Unset", "AppError")
        return tuple(
            _of_hint(one, above) for one in typing.get_args(hint) if getattr(one, "__name__", "") not in left_out
        )
    if typing.get_origin(hint) is list:
        return [_of_hint(typing.get_args(hint)[0], above)]
    if hint in _TYPES:
        return _TYPES[hint]
    names = _names(hint)
    if not names or hint in above:
        return "string" if isinstance(hint, type) and issubclass(hint, str) else ANYTHING
    module = {**vars(importlib.import_module(typed.__name__ + ".models")), **vars(typed.types)}
    hints = typing.get_type_hints(hint, globalns={**module, **vars(inspect.getmodule(hint))})
    return {name: _of_hint(hints[own], (*above, hint)) for own, (name, _needed) in names.items() if own in hints}


@functools.lru_cache(maxsize=None)
def _names(model: Any) -> Dict[str, Tuple[str, bool]]:
    """The fields of a model: how it calls them, what they are called in JSON, and whether they have to be there."""
    if not hasattr(model, "from_dict"):
        return {}
    source = inspect.getsource(model.from_dict)
    return {own.lstrip("_"): (name, not unset) for own, name, unset in _POP.findall(source)}


def _required(hint: Any) -> set:
    return {name for name, needed in _names(hint).values() if needed}


def recorded(operation: Operation) -> List[Any]:
    """The shapes of what real servers answered to this."""
    return [shape for shape, _query in _told().get(id(operation), []) if shape is not None]


def asked(operation: Operation) -> set:
    """What real servers were asked in the query."""
    return {name for _shape, query in _told().get(id(operation), []) for name, _value in parse_qsl(query)}


@functools.lru_cache(maxsize=None)
def _told() -> Dict[int, List[Tuple[Any, str]]]:
    found: Dict[int, List[Tuple[Any, str]]] = {}
    told = [
        path for path in sorted(RECORDED.glob("*-*.jsonl")) if (RECORDED / f"{path.stem.split('-')[0]}.jsonl").exists()
    ]
    for answers in told:  # what servers write to one another is no answer to a story
        story = [json.loads(line) for line in _lines(RECORDED / f"{answers.stem.split('-')[0]}.jsonl")]
        told = [json.loads(line) for line in _lines(answers)]
        for step, answer in zip(story, told):
            path, _mark, query = step["path"].partition("?")
            operation = find(step["method"], path)
            shape = told[answer["shape_of"]].get("shape") if "shape_of" in answer else answer.get("shape")
            if operation and answer["status"] < 300:
                found.setdefault(id(operation), []).append((shape, query))
    return found


def _lines(path: Path) -> List[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def misfits(value: Any, shapes: List[Any], where: str = "") -> Iterator[str]:
    """Names that none of the shapes has, and values of another type than all that have the name."""
    shapes = list(_alternatives(shapes))
    if ANYTHING in shapes or value is None or not shapes:
        return
    here = where or "it"
    if isinstance(value, dict):
        objects = [shape for shape in shapes if isinstance(shape, dict)]
        if not objects:
            yield f"{here} is no object"
        elif {} not in objects and not any("*" in shape for shape in objects):
            for name, item in value.items():
                known = [shape[name] for shape in objects if name in shape]
                below = f"{where}.{name}".lstrip(".")
                yield from misfits(item, known, below) if known else [f"{below} is not described"]
    elif isinstance(value, list):
        lists = [shape for shape in shapes if isinstance(shape, list)]
        if not lists:
            yield f"{here} is no list"
        for item in value if all(lists) else []:
            yield from misfits(item, [shape[0] for shape in lists], f"{where}[]")
    elif _TYPES[type(value)] not in shapes:
        yield f"{here} is no {_TYPES[type(value)]}"


def _alternatives(shapes: Any) -> Iterator[Any]:
    """One by one; that something can be null, or was, says nothing."""
    for shape in shapes:
        if isinstance(shape, tuple):
            yield from _alternatives(shape)
        elif shape != "null":
            yield shape
