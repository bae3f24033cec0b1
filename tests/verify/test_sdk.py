"""The sdk engine, for real: the local modes of SDK v3 and v2, each in its own environment, with the tests' own Docker engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.verify import cli, containers, sdk
from migrate.verify.drill.model import Wish
from migrate.verify.engine import choose
from migrate.verify.model import Options, Report
from tests.environments import python_of
from tests.verify.repos import GOOD, HEAD, READ, SAVE, Repo, check, contract_run, entry_point, verdicts
from tests.verify.test_ending import DRIVER

PLAIN = entry_point(settings=())
# Waits where the parser is done, so that the settings proof is not what waits.
WAIT = "import threading\nprint('waiting', flush=True)\nthreading.Event().wait()\n"


def pythons() -> tuple[str, ...]:
    return str(python_of("sdk3")), str(python_of("sdk2"))


def verify(repo: Repo, script: str, image: str, style: str, **options: object) -> Report:
    entry = options.pop("entry", entry_point())
    return repo.verify(script, entry, engine="sdk", image=image, styles=(style,), sdk_pythons=pythons(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("style", "code"), [("v3", "/opt/ml/input/data/code"), ("toolkit", "/opt/ml/code")])
def test_the_real_local_mode(repo: Repo, image: str, style: str, code: str) -> None:
    """Settings by the SDK's own way, files where they belong, what is lost, and nothing of the user's own changed or known."""
    script = HEAD + READ + SAVE + (
        "open(os.path.join(os.environ['SM_OUTPUT_DATA_DIR'], 'log.txt'), 'w').write('log')\n"
        "open('/mnt/x.txt', 'w').write('xyz')\n"
        "open(os.path.join(args.data, 'mine.txt'), 'w').write('x')\n"
        "print(os.getcwd(), os.environ['AWS_ACCESS_KEY_ID'] if 'AWS_ACCESS_KEY_ID' in os.environ else 'none')\n"
    )  # fmt: skip
    report = verify(repo, script, image, style)
    assert verdicts(report) == {"lost files": "fail", "read-only channels": "fail"}
    assert check(report, "settings").message == "all 3 settings arrived, in value and type"
    assert [evidence.text for evidence in check(report, "lost files").evidence] == ["/mnt/x.txt (3 bytes)"]
    run = contract_run(report)
    assert f"{code} none" in run.tail and run.model_files == (("model.json", 24),)
    assert containers_of(repo) == []


def containers_of(repo: Repo) -> list[str]:
    """The containers of any project of Docker Compose that mount something of this test."""
    told = subprocess.run(["docker", "ps", "--all", "--format", "{{.ID}} {{.Mounts}}"], capture_output=True, text=True, check=True).stdout
    ids = [line.split()[0] for line in told.splitlines()]
    shown = [subprocess.run(["docker", "inspect", each], capture_output=True, text=True).stdout for each in ids]
    return [each for each, text in zip(ids, shown, strict=True) if f"{repo.root.parent}/" in text]


@pytest.mark.parametrize("style", ["v3", "toolkit"])
def test_a_failure_is_the_scripts_own(repo: Repo, image: str, style: str) -> None:
    """The toolkit makes every failure an exit code 1; the traceback is told, not the SDK's."""
    report = verify(repo, GOOD + "raise KeyError('mine')\n", image, style, entry=PLAIN)
    assert check(report, "run").message == "exit code 1: KeyError: 'mine'"
    where = [evidence.where for evidence in check(report, "run").evidence]
    assert where[0] == f"train.py:{len(GOOD.splitlines()) + 1}" and not any(where[1:])  # the lines of the traceback follow


def test_ctrl_c_leaves_nothing_behind(repo: Repo, image: str) -> None:
    repo.write({"train.py": GOOD + WAIT})
    scratch, top = repo.root.parent / "scratch", Path(__file__).parents[2]
    env = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(top)}
    given = "engine=sys.argv[3], image=sys.argv[4], sdk_pythons=sys.argv[5:],"
    driver = DRIVER.replace("engine=sys.argv[3],", given).replace("entry_point()", "entry_point(settings=())").replace("toolkit", "v3")
    words = [sys.executable, "-c", driver, str(repo.root), str(repo.data), "sdk", image, *pythons()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, cwd=top) as verifier:
        assert verifier.stdout is not None and any("waiting" in line for line in verifier.stdout)
        there = containers_of(repo)
        verifier.send_signal(signal.SIGINT)
    assert len(there) == 1
    until = time.monotonic() + 30
    while containers_of(repo) and time.monotonic() < until:
        time.sleep(0.1)
    assert containers_of(repo) == [] and list(scratch.iterdir()) == []


def test_a_convention_whose_sdk_is_not_there(repo: Repo, image: str) -> None:
    given = {"engine": "sdk", "image": image, "sdk_pythons": (str(python_of("sdk2")),)}
    told = repo.verify(GOOD, styles=("v3",), **given).unable
    assert told == (
        "engine sdk: no SageMaker SDK v3 here: pip install 'sagemaker>=3.27,<4' in an environment of its own, and --sdk-python its Python"
    )


def test_no_sdk_at_all() -> None:
    with pytest.raises(UserError, match=r"no SageMaker SDK here: pip install 'sagemaker-migrate\[sagemaker\]'"):
        sdk.found([sys.executable])
    with pytest.raises(UserError, match="no such Python: /no/where"):
        sdk.found(["/no/where"])


def test_the_sdks_of_two_pythons() -> None:
    told = sdk.found(pythons())
    assert {style: each.version.split(".")[0] for style, each in told.items()} == {"v3": "3", "toolkit": "2"}


@pytest.mark.parametrize(
    ("plugin", "alone", "told"),
    [
        ("Docker Compose version v2.24.5", None, None),
        ("Docker Compose version 5.0.1", None, None),
        (None, "docker-compose version 1.29.2, build unknown", None),
        (None, "Docker Compose version v2.24.5", None),
        (None, None, "Docker Compose is not installed: https://docs.docker.com/compose/install/; Debian: apt install docker-compose"),
        ("Docker Compose version v1.0.0", None, "Docker Compose is too old (version v1.0; 2.0 is the first that the SDKs take): https://"),
        (None, "docker-compose version 1.20.1, build 5d8c71b", "docker-compose is too old (version 1.20; 1.27 is the first that takes "),
        (None, "", "docker-compose does not run: https://"),
    ],
)
def test_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str | None, alone: str | None, told: str | None) -> None:
    """Found in both forms; too old or missing, it is told with what to do."""
    bodies = {"docker": f"[ -n '{plugin or ''}' ] && echo '{plugin}'", "docker-compose": f"[ -n '{alone or ''}' ] && echo '{alone}'"}
    for name, body in bodies.items():
        if name == "docker" or alone is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lacks = sdk.compose_lacks()
    assert lacks is None if told is None else lacks is not None and lacks.startswith(told)


def test_where_it_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="engine sdk cannot run here: docker is not installed"):
        choose("sdk")
    monkeypatch.setattr(containers, "unavailable", lambda: None)
    with pytest.raises(UserError, match="engine sdk cannot run here: Docker Compose is not installed: "):
        choose("sdk")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"engine": "sdk", "drill": Wish(0, ("kill",))}, "the SDKs' local modes keep no checkpoint folder: no --drill with them; "),
        ({"engine": "docker", "sdk_pythons": ("python",)}, "--sdk-python is for --engine sdk and sandbox"),
        ({"engine": "process", "image": "x"}, "--image is for the engines docker and sdk, not for process"),
    ],
)
def test_options_that_do_not_go_together(repo: Repo, options: dict[str, object], told: str) -> None:
    with pytest.raises(UserError) as caught:
        cli.run(repo.root, [entry_point()], Options(**({"engine": None} | options)))  # type: ignore[arg-type]
    assert str(caught.value).startswith(told)
