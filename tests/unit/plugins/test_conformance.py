# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the check that every module is held to the API description has teeth, and whether its exceptions are needed."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.fieldops.mattermost.tests.unit import conformance, description
from ansible_collections.fieldops.mattermost.tests.unit._described_otherwise import ANSWERS, BODIES, QUERIES, ROUTES
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Reply, Request

SAMPLES = {"string": "x", "number": 1, "bool": True, "anything": {}}


def ask(method, path, *, query="", body=None, multipart=b"", answer=None, status=200):
    headers = {"Content-Type": "multipart/form-data" if multipart else "application/json"}
    data = multipart or (b"" if body is None else json.dumps(body).encode())
    return list(conformance.problems(Request(method, path, query, headers, data), Reply(status, answer)))


@pytest.mark.parametrize(
    ("request_of", "lines"),
    [
        ({"method": "GET", "path": "/users/x"}, []),
        ({"method": "GET", "path": "/no/such/route"}, ["GET /no/such/route is not described"]),
        ({"method": "PATCH", "path": "/jobs"}, ["PATCH /jobs is not described"]),
        (
            {"method": "GET", "path": "/jobs", "query": "page=0&per_page=5&sort=x"},
            ["GET /jobs: sort in the query is not described"],
        ),
        ({"method": "GET", "path": "/config/client", "query": "format=old"}, []),
        ({"method": "POST", "path": "/jobs", "body": {"type": "x", "data": {"free": "y"}}}, []),
        (
            {"method": "POST", "path": "/jobs", "body": {"typ": "x"}},
            ["POST /jobs: body: type is missing", "POST /jobs: body: typ is not described"],
        ),
        ({"method": "POST", "path": "/jobs", "body": {"type": 5}}, ["POST /jobs: body: type is no number"]),
        ({"method": "POST", "path": "/jobs", "body": ["x"]}, ["POST /jobs: body: it is no list"]),
        (
            {
                "method": "PUT",
                "path": "/config/patch",
                "body": {"TeamSettings": {"MaxUsersPerTeam": "5", "Nonsense": 1}},
            },
            [
                "PUT /config/patch: body: TeamSettings.MaxUsersPerTeam is no string",
                "PUT /config/patch: body: TeamSettings.Nonsense is not described",
            ],
        ),
        (
            {"method": "POST", "path": "/plugins", "multipart": b'form-data; name="plugin" form-data; name="forced"'},
            ["POST /plugins: body: forced is not described"],
        ),
        (
            {"method": "GET", "path": "/users/username/x", "answer": {"id": 5, "username": "x", "shoe_size": 1}},
            [
                "GET /users/username/{username}: answer: id is no number",
                "GET /users/username/{username}: answer: shoe_size is not described",
            ],
        ),
        ({"method": "GET", "path": "/jobs", "answer": {}}, ["GET /jobs: answer: it is no object"]),
        (
            {"method": "GET", "path": "/teams", "answer": [{"id": "x"}, {"ids": "y"}]},
            ["GET /teams: answer: [].ids is not described"],
        ),
        ({"method": "GET", "path": "/teams", "answer": {"id": "an error"}, "status": 404}, []),
    ],
)
def test_the_check_has_teeth(request_of, lines):
    assert ask(**request_of) == lines


def test_coverage_has_teeth():
    write = Request("POST", "/jobs", "", {}, b"")
    assert list(conformance.uncovered("team", write)) == [
        "POST /jobs: tools/api_coverage.yml does not say that team covers any of jobs"
    ]
    assert not list(conformance.uncovered("job", write))
    assert not list(conformance.uncovered("team", write._replace(method="GET")))
    assert not list(conformance.uncovered("team", write._replace(path="/users/login")))


def test_recorded_answers_are_used():
    told = [one for one in description.operations() if description.recorded(one)]
    assert len(told) > 100 and len(description.operations()) > 600


def test_what_is_not_described_is_not():
    for route in ROUTES:
        method, path = route.split(" ", 1)
        assert description.find(method, re.sub(r"\[\^/\]\+", "x", path)) is None, route
    for here, names in QUERIES.items():
        assert not description.find(*here.split(" ", 1)).query & names.keys(), here


@pytest.mark.parametrize("here", sorted(BODIES))
def test_bodies_are_described_otherwise(here):
    operation = description.find(*here.split(" ", 1))
    for shape, why in BODIES[here]:
        assert why and list(description.misfits(sample(shape), conformance.telling(operation.bodies))), here


@pytest.mark.parametrize("here", sorted(ANSWERS))
def test_answers_are_described_otherwise(here):
    operation = description.find(*here.split(" ", 1))
    shapes = conformance.telling([*description.recorded(operation), *operation.answers])
    for shape, why in ANSWERS[here]:
        assert why and (not shapes or list(description.misfits(sample(shape), shapes))), here


def sample(shape):
    """A value of this shape."""
    if isinstance(shape, dict):
        return {name.replace("*", "x"): sample(below) for name, below in shape.items()}
    return [sample(shape[0])] if isinstance(shape, list) else SAMPLES[shape]
