"""The emulation, held against the real toolkit and the real SDK v3 drivers. Where a real package is absent, these tests fail."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import string
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.job import serialise
from migrate.job.serialise import Container, argv, config_files, environment, problems, wire
from tests.environments import python_of

HERE = Path(__file__).parent
FOLDERS = ("code", "input/config", "input/data/code", "input/data/sm_drivers", "model", "output/data")

# What SDK v2 lets through: JSON values, text of any kind. A surrogate is no text, and a NUL fits no argv.
texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20) | st.sampled_from(
    [
        "1.10",
        "1e3",
        "true",
        "null",
        "None",
        "[1, 2]",
        '"quoted"',
        '"1"',
        "-x foo",
        "$HOME",
        "a\nb",
        "",
        " ",
        "NaN",
        "Infinity",
        "007",
        "{}",
        "a=b,c",
    ]
)
numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
keys = st.text(string.ascii_letters + string.digits + "_-.", min_size=1, max_size=12).filter(lambda key: not key.startswith("sagemaker_"))
values = st.recursive(texts | numbers, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5)
dictionaries = st.dictionaries(keys, values, max_size=6)
channel_names = st.lists(st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8), max_size=3, unique_by=str.upper)


class Asked:
    """A long-lived process that answers one JSON line with another."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(env))

    def ask(self, case: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the real package ended: exit code {self.process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TRAINING_JOB_NAME": "migrate-verify"}


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asked, str]]:
    base = tmp_path_factory.mktemp("toolkit") / "opt" / "ml"
    for folder in FOLDERS:
        (base / folder).mkdir(parents=True)
    env = _environment() | {"SAGEMAKER_BASE_DIR": str(base), "SM_STUDIO_LOCAL_MODE": "true"}
    asked = Asked([str(python_of("main")), str(HERE / "toolkit_child.py")], env)
    yield asked, str(base)
    asked.process.communicate()


def drivers_folder() -> Path:
    """Where SDK v3 keeps what it sends along with a job."""
    told = subprocess.run(
        [str(python_of("sdk3")), "-c", "import importlib.util as u; print(u.find_spec('sagemaker').submodule_search_locations[0])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    folder = Path(told) / "train" / "container_drivers"
    assert (folder / "distributed_drivers" / "basic_script_driver.py").is_file(), folder
    return folder


def boxed(base: Path, *command: str) -> list[str]:
    """A command in a mount namespace where ``base`` is /opt/ml."""
    bwrap = shutil.which("bwrap")
    assert bwrap, "bubblewrap is needed: the real v3 drivers are fixed to /opt/ml"
    # /opt is made anew, so that no /opt/ml is ever made on the machine itself
    rest = [word for path in Path("/opt").iterdir() if path.name != "ml" for word in ("--dev-bind", str(path), str(path))]
    return [bwrap, "--dev-bind", "/", "/", "--tmpfs", "/opt", *rest, "--bind", str(base), "/opt/ml", "--die-with-parent", *command]


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    base = tmp_path_factory.mktemp("drivers")
    for folder in FOLDERS:
        (base / folder).mkdir(parents=True)
    asked = Asked(boxed(base, str(python_of("sdk3")), str(HERE / "drivers_child.py"), str(drivers_folder())), _environment())
    yield asked
    asked.process.communicate()


def _container(base: str, channels: list[str]) -> Container:
    return Container(entry="train.py", channels=tuple(channels), base=base, cpus=multiprocessing.cpu_count())


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hyperparameters=dictionaries, channels=channel_names)
def test_toolkit(toolkit: tuple[Asked, str], hyperparameters: dict[str, object], channels: list[str]) -> None:
    asked, base = toolkit
    container = _container(base, channels)
    answer = asked.ask({"files": config_files(hyperparameters, container, "toolkit"), "entry": "train.py"})
    assert argv(hyperparameters, "toolkit") == answer["argv"]
    emulated = environment(hyperparameters, container, "toolkit")
    assert emulated.pop("PYTHONPATH") == f"{base}/code"
    assert emulated == answer["environment"]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hyperparameters=dictionaries, channels=channel_names)
def test_v3_drivers(drivers: Asked, hyperparameters: dict[str, object], channels: list[str]) -> None:
    container = _container("/opt/ml", channels)
    answer = drivers.ask({"files": config_files(hyperparameters, container, "v3"), "entry": "train.py"})
    told = problems(hyperparameters, channels)
    assert ("died" in answer) <= bool(told), answer
    if not told:
        assert argv(hyperparameters, "v3") == answer["argv"]
        assert environment(hyperparameters, container, "v3") == answer["environment"]


@pytest.mark.parametrize(
    ("hyperparameters", "channels", "reason"),
    [
        ({"optim.lr": 0.1}, [], "invalid identifier"),
        ({"name": "it's"}, [], "unexpected EOF"),
        ({"names": ["a", "it's"]}, [], "unexpected EOF"),
        ({"lr": 1}, ["my-data"], "invalid identifier"),
    ],
)
def test_what_kills_the_v3_driver_is_told(drivers: Asked, hyperparameters: dict[str, object], channels: list[str], reason: str) -> None:
    answer = drivers.ask({"files": config_files(hyperparameters, _container("/opt/ml", channels), "v3"), "entry": "train.py"})
    assert "died" in answer, answer
    assert len(problems(hyperparameters, channels)) == 1


def test_an_even_number_of_quotes_alters_the_value_silently(drivers: Asked) -> None:
    answer = drivers.ask({"files": config_files({"name": "a''b"}, _container("/opt/ml", []), "v3"), "entry": "train.py"})
    assert answer["argv"] == ["--name", "ab"]
    assert problems({"name": "a''b"}, []) != []


@pytest.mark.parametrize("name", ["sagemaker_program", "sagemaker_mine", "default_user_module_name"])
def test_what_the_toolkit_keeps_is_told(toolkit: tuple[Asked, str], name: str) -> None:
    asked, base = toolkit
    container = _container(base, [])
    answer = asked.ask({"files": config_files({name: "x", "lr": 1}, container, "toolkit"), "entry": "train.py"})
    assert answer["argv"] == ["--lr", "1"] == argv({name: "x", "lr": 1}, "toolkit")
    assert len(problems({name: "x"}, [])) == 1


@pytest.mark.parametrize("good", [{"lr": 0.1}, {"learning-rate": 1}, {"text": 'a "b" $HOME\n-x'}, {"b": None}, {}])
def test_what_both_carry_is_no_problem(good: dict[str, object]) -> None:
    assert problems(good, ["training", "my_data"]) == []


def test_the_rows_of_the_contract() -> None:
    sent = {"flag": True, "none": None, "xs": [1, 2, 3], "d": {"a": 1, "b": {"c": 2}}, "b": 64, "version": "1.10", "num": "1e3"}
    assert argv(sent, "toolkit") == (
        ["-b", "64", "-d", "a=1,b={'c': 2}", "--flag", "True", "--none", "", "--num", "1e3", "--version", "1.10", "--xs", "[1, 2, 3]"]
    )
    assert argv(sent, "v3") == (
        ["--flag", "true", "--none", "null", "--xs", "[1, 2, 3]", "--d", '{"a": 1, "b": {"c": 2}}']
        + ["--b", "64", "--version", "1.1", "--num", "1000.0"]
    )
    assert wire({"a": "x", "b": 1}, "v2") == {"a": '"x"', "b": "1"}
    assert wire({"a": "x", "b": 1, "c": None}, "v3") == {"a": "x", "b": "1", "c": "null"}


def test_the_text_on_the_wire_is_the_sdks() -> None:
    """SDK v3's own function; what SDK v2 writes (JSON of every value) is read back by the real toolkit above."""
    sent: dict[str, object] = {"a": "x", "b": 1, "c": None, "d": [1, "é"], "e": {"f": True}, "g": 1e-05, "h": "", "i": "1.10", "j": False}
    code = (
        "import json,sys; from sagemaker.train.utils import safe_serialize as s; "
        "print(json.dumps({k: s(v) for k, v in json.load(sys.stdin).items()}))"
    )
    told = subprocess.run([str(python_of("sdk3")), "-c", code], input=json.dumps(sent), capture_output=True, text=True, check=True)
    assert wire(sent, "v3") == json.loads(told.stdout.splitlines()[-1])


SCRIPT = "import json,os,sys; json.dump([sys.argv, dict(os.environ), os.getcwd(), sys.path], open('/opt/ml/output/data/seen.json', 'w'))\n"


def _train_script(base: Path, entry: str) -> None:
    """The real ``sm_train.sh`` for this entry script, from the SDK's own template."""
    code = (
        "import sys; from sagemaker.train import templates as t; "
        "print(t.TRAIN_SCRIPT_TEMPLATE.format(working_dir='cd /opt/ml/input/data/code \\n', "
        "install_requirements='', execute_driver=t.EXECUTE_BASIC_SCRIPT_DRIVER))"
    )
    text = subprocess.run([str(python_of("sdk3")), "-c", code], capture_output=True, text=True, check=True).stdout
    target = base / "input" / "data" / "sm_drivers"
    shutil.copytree(drivers_folder(), target, dirs_exist_ok=True)
    (target / "sm_train.sh").write_text(text)
    (target / "sourcecode.json").write_text(json.dumps({"entry_script": entry}))


@pytest.mark.parametrize("entry", ["train.py", "tools/train.py"])
def test_a_whole_v3_job(tmp_path: Path, entry: str) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    hyperparameters: dict[str, object] = {"lr": 0.1, "name": "a b", "flag": True, "xs": [1, 2], "version": "1.10"}
    container = Container(entry=entry, channels=("training",), cpus=multiprocessing.cpu_count())
    for name, text in config_files(hyperparameters, container, "v3").items():
        (tmp_path / "input" / "config" / name).write_text(text)
    script = tmp_path / "input" / "data" / "code" / entry
    script.parent.mkdir(exist_ok=True)
    script.write_text(SCRIPT)
    _train_script(tmp_path, entry)
    env = _environment() | {"PATH": f"{python_of('sdk3').parent}:{os.environ['PATH']}"}
    subprocess.run(boxed(tmp_path, "/bin/bash", "/opt/ml/input/data/sm_drivers/sm_train.sh"), check=True, env=env, capture_output=True)
    words, variables, cwd, path = json.loads((tmp_path / "output" / "data" / "seen.json").read_text())
    assert words == [entry, *argv(hyperparameters, "v3")]
    expected = environment(hyperparameters, container, "v3")
    assert {name: variables.get(name) for name in expected} == expected
    assert cwd == serialise.code_dir("/opt/ml", "v3") and "PYTHONPATH" not in variables
    assert path[0] == str(Path(cwd, entry).parent)


def test_a_whole_toolkit_job(tmp_path: Path) -> None:
    base = tmp_path / "opt" / "ml"
    for folder in FOLDERS:
        (base / folder).mkdir(parents=True)
    hyperparameters: dict[str, object] = {"lr": 0.1, "name": "a b", "flag": True, "xs": [1, 2], "b": "1.10"}
    # the platform's path of sys.path is that of the "train" program, whose own folder comes behind the code folder
    container = Container(entry="tools/train.py", channels=("training",), base=str(base), cpus=multiprocessing.cpu_count())
    for name, text in config_files(hyperparameters | {"sagemaker_program": "tools/train.py"}, container, "toolkit").items():
        (base / "input" / "config" / name).write_text(text)
    script = base / "code" / "tools" / "train.py"
    script.parent.mkdir()
    script.write_text(SCRIPT.replace("/opt/ml", str(base)))
    env = _environment() | {"SAGEMAKER_BASE_DIR": str(base), "SM_STUDIO_LOCAL_MODE": "true"}
    command = [str(python_of("main")), "-c", "from sagemaker_training import trainer; trainer.train()"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words, variables, cwd, path = json.loads((base / "output" / "data" / "seen.json").read_text())
    assert words == ["tools/train.py", *argv(hyperparameters, "toolkit")]
    expected = environment(hyperparameters, container, "toolkit")
    assert variables["PYTHONPATH"].split(":")[0] == expected.pop("PYTHONPATH")
    assert {name: variables.get(name) for name in expected} == expected
    assert cwd == f"{base}/code" and f"{base}/code" in path[:3]
