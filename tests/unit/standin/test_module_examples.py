# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The examples in the documentation of every module of the action group, run as they are printed.

Plays run all of them against licensed stand-ins. The addresses in them become the stand-in's, variables named vault_* get
values, and what an example takes for granted is there before. Each example runs twice in a row: the second time nothing changes,
unless the module's documentation says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from launcher import Server
from module_examples import CHANGES_AGAIN, FEDERATED, NOT_RUN, SECOND, SETTINGS, Site

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "fieldops.mattermost."


def modules() -> list[str]:
    """The action group."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    return sorted(runtime["action_groups"]["mattermost"])


def runnable() -> list[list[str]]:
    """In an order in which no example takes away what another one needs: two plays, one after the other."""
    return [[name for name in modules() if name not in SECOND], list(SECOND)]


def documented(name: str, what: str) -> Any:
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8")
    match = re.search(rf'^{what} = r"""\n(.*?)^"""', text, re.M | re.S)
    assert match, f"{name} has no {what}"
    return yaml.safe_load(match.group(1))


def module_of(task: dict[str, Any]) -> str:
    return next(key for key in task if "." in key)


def play(name: str) -> dict[str, Any]:
    """The examples of one module, each twice in a row; what fails is told at the end, with everything else that does."""
    tasks = []
    for number, task in enumerate(documented(name, "EXAMPLES")):
        if module_of(task) in NOT_RUN:
            continue
        for turn in ("first", "again") if module_of(task).startswith(PREFIX) else ("first",):
            tasks.append({**task, "name": f"{name}|{number}|{turn}|{task['name']}", "ignore_errors": True})
    return {"name": name, "hosts": "localhost", "gather_facts": False, "tasks": tasks}


def run(folder: Path, site: Site, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """The result of every task, by its name."""
    site.prepare(names)
    text = yaml.safe_dump([play(name) for name in names], sort_keys=False, allow_unicode=True, width=1000)
    for placeholder, real in site.places.items():
        text = text.replace(placeholder, real)
    book, variables = folder / "examples.yml", folder / "vault.json"
    book.write_text(text, encoding="utf-8")
    variables.write_text(json.dumps(site.secrets), encoding="utf-8")
    env = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_FORCE_COLOR": "false",
    }
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{variables}", str(book)]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
    found = json.loads(done.stdout)
    return [(task["task"]["name"], task["hosts"]["localhost"]) for each in found["plays"] for task in each["tasks"]]


def test_every_module_has_examples_in_full() -> None:
    """Every task of every example is a whole one: it says what it does and where the server is."""
    for name in modules():
        tasks = [task for task in documented(name, "EXAMPLES") if module_of(task) == PREFIX + name]
        assert tasks, name
        for task in tasks:
            given = task[PREFIX + name]
            assert task["name"] and ("url" in given or "socket_path" in given or "config_path" in given), (name, task)


def test_examples(licensed: Callable[..., Server], licence: Callable[..., Path], tmp_path: Path) -> None:
    target = licensed("11.6.0", sku="advanced", config=SETTINGS, env=FEDERATED)
    partners = {name: licensed("11.6.0", env=FEDERATED, name=name) for name in ("bravo", "charlie")}
    site = Site(target, tmp_path, licence("advanced"), partners)
    wrong, ran = [], set()
    for title, result in [task for names in runnable() for task in run(tmp_path, site, names)]:
        name, _number, turn, words = title.split("|")
        ran.add(name)
        if result.get("failed"):
            said = result.get("msg") if "results" not in result else [one.get("msg") for one in result["results"]]
            wrong.append(f"{name}: {words} ({turn}): {said}")
        elif turn == "again" and bool(result.get("changed")) != ((name, words) in CHANGES_AGAIN):
            wrong.append(f"{name}: {words}: the second time it says changed={result.get('changed')}")
    assert not wrong, "\n".join(wrong)
    assert ran == set(modules())


@pytest.mark.parametrize("example", sorted(CHANGES_AGAIN), ids=" ".join)
def test_what_changes_again_is_documented(example: tuple[str, str]) -> None:
    idempotent = documented(example[0], "DOCUMENTATION")["attributes"]["idempotent"]
    assert idempotent["support"] == "partial" and idempotent["details"]
    assert example[1] in [task["name"] for task in documented(example[0], "EXAMPLES")]
