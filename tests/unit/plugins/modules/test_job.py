# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import Turns, error

TYPE = "data_retention"
LIST, START = ("GET", f"/jobs/type/{TYPE}"), ("POST", "/jobs")


def job(status="success", *, age=10, data=None, number=1, progress=0):
    """A job that began `age` seconds ago and was last active a second later."""
    now = int(time.time() * 1000)
    return {
        "id": f"job{number}",
        "type": TYPE,
        "create_at": now - age * 1000,
        "start_at": now - age * 1000,
        "last_activity_at": now - (age - 1) * 1000,
        "status": status,
        "progress": progress,
        "data": data,
    }


@pytest.fixture
def run(run_module, fake, pauses):
    fake.routes[LIST] = []

    def call(**args):
        return run_module("job", socket_path=fake.socket_path, **{"type": TYPE, **args})

    return call


def test_starts_a_job_and_waits_for_it(run, fake, pauses):
    fake.routes[START] = lambda request: job("pending")
    fake.routes[("GET", "/jobs/job1")] = Turns([job("pending"), job("in_progress", progress=40), job(progress=100)])
    predicted = run(check=True, data={"n": 1})
    assert predicted["changed"] and predicted["job"] == {"type": TYPE, "data": {"n": "1"}} and not fake.writes
    result = run(data={"n": 1})
    assert result["changed"] and (result["job"]["status"], result["job"]["progress"]) == ("success", 100)
    assert (result["diff"]["before"], result["diff"]["after"]["id"]) == ({}, "job1")
    assert fake.asked(*START)[0].json == {"type": TYPE, "data": {"n": "1"}}
    assert pauses == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("jobs", "args", "changed"),
    [
        ([{"age": 3000}], {}, False),
        ([{"age": 3700}], {}, True),
        ([{"age": 3700}], {"max_age": 4000}, False),
        ([{"age": 100}], {"max_age": 0}, True),
        ([{"status": "warning"}], {}, False),
        ([{"status": "error"}], {}, True),
        ([{"status": "canceled"}, {"status": "success", "age": 100}], {}, True),
        ([{"data": {"a": "2"}}, {"data": {"a": "1", "own": "x"}, "age": 20}], {"data": {"a": "1"}}, False),
        ([{"data": {"a": "2"}}, {"data": None}], {"data": {"a": "1"}}, True),
    ],
    ids=["new", "old", "old, but counts", "none counts", "warning", "failed", "cancelled", "data", "other data"],
)
def test_only_when_it_is_time(run, fake, jobs, args, changed):
    fake.routes[LIST] = [job(**one) for one in jobs]
    fake.routes[START] = job(number=2)
    result = run(**args)
    assert (result["changed"], bool(fake.writes)) == (changed, changed)
    if not changed:
        assert result["diff"]["before"] == result["diff"]["after"] == result["job"]
    if jobs[0].get("status") == "warning":
        assert "ended with warnings" in result["text"]


def test_waits_for_one_that_runs(run, fake):
    fake.routes[LIST] = [job("in_progress", age=9000)]
    fake.routes[("GET", "/jobs/job1")] = job(age=9000, progress=100)
    assert not run(check=True)["changed"] and not fake.asked("GET", "/jobs/job1")
    result = run()
    assert (result["changed"], result["job"]["status"]) == (False, "success") and not fake.writes


def test_does_not_wait(run, fake):
    fake.routes[START] = job("pending")
    assert run(wait_timeout=0)["job"]["status"] == "pending"
    fake.routes[LIST] = [job("pending")]
    assert not run(wait_timeout=0)["changed"]


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (
            job("error", data={"error": "no space left.", "n": "1"}),
            'The job job1 of the type data_retention failed: no space left. Its data: {"n": "1"}. See the server\'s log.',
        ),
        (job("error"), "The job job1 of the type data_retention failed. See the server's log."),
        (job("canceled"), "The job job1 of the type data_retention was cancelled. See the server's log."),
    ],
)
def test_failure(run, fake, ended, words):
    fake.routes[START] = job("pending")
    fake.routes[("GET", "/jobs/job1")] = ended
    assert run()["msg"] == words


def test_takes_too_long(run, fake, monkeypatch):
    fake.routes[START] = job("pending")
    fake.routes[("GET", "/jobs/job1")] = job("in_progress", progress=40)
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert "did not end within 7 s (status in_progress, progress 40 %). It goes on" in run(wait_timeout=7)["msg"]


def test_does_not_look_back_for_ever(run, fake):
    """The newest page has other jobs only, from a time when a job of ours would not count any more."""
    fake.routes[LIST] = [job(data={"a": "2"}, age=90000)] * 200
    fake.routes[START] = job(number=2)
    assert run(data={"a": "1"})["changed"]
    assert len(fake.asked(*LIST)) == 1
    fake.routes[LIST] = Turns([[job(data={"a": "2"}, age=100)] * 200, [job(data={"a": "1"}, age=200)]])
    assert not run(data={"a": "1"})["changed"]
    assert len(fake.asked(*LIST)) == 3


@pytest.mark.parametrize(
    ("route", "reply", "words"),
    [
        (LIST, error(403, "api.context.permissions.app_error"), "needs the permission read_data_retention_job"),
        (START, error(403, "api.context.permissions.app_error"), "needs the permission create_data_retention_job"),
        (START, error(400, "model.job.is_valid.type.app_error"), "it needs a licence (Enterprise, "),
        (START, error(400, "api.job.unable_to_create_job.incorrect_job_type"), "does not start jobs of this type"),
        (START, None, "the connection to the socket"),
    ],
    ids=["may not read", "may not start", "no licence", "no such type", "dies in the middle"],
)
def test_refused(run, fake, route, reply, words):
    fake.routes[route] = lambda request: reply
    assert words in run()["msg"]
