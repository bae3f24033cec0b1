"""The real toolkit and the real SDK v3 drivers beside our emulation of them: the same script is given the same, and told the same.

A machine without the real packages fails these tests: ``tools/test.py`` installs them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.verify import cli, record, starters, trace
from migrate.verify.engine import Outcome
from migrate.verify.model import Options, Report
from migrate.verify.page import section
from migrate.verify.starters import Starter
from tests.environments import python_of
from tests.verify.repos import GOOD, HEAD, READ, SAVE, SETTINGS, Repo, check, contract_run, entry_point, hyperparameter, verdicts

REAL = {"toolkit": "sagemaker-training 5.1.4", "v3": "sm_train.sh and drivers of SDK 3.27.0"}
WAYS = pytest.mark.parametrize(("engine", "style"), [("process", "toolkit"), ("sandbox", "toolkit"), ("sandbox", "v3")])


def verify(repo: Repo, script: str, engine: str, style: str, starter: str, **options: object) -> Report:
    given = {"engine": engine, "styles": (style,), "starter": starter, "sdk_pythons": (str(python_of("sdk3")),)}
    report = repo.verify(script, **(given | options))  # type: ignore[arg-type]
    assert report.starters == {style: REAL[style] if starter == "real" else "emulated (asked for)"}
    return report


# What the script is given. The folder of the scratch, another one each time, is cut out.
SEEN = """
given = {"argv": sys.argv, "environment": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "files": sorted(os.listdir("."))}
base = os.environ["SM_MODEL_DIR"][: -len("/opt/ml/model")]
text = json.dumps(given, sort_keys=True)
print("SEEN" + (text.replace(base, "") if base else text))
"""
# What a shell leaves behind, and what is drawn anew each time.
_OWN = {"MIGRATE_VERIFY_RUN", "_", "SHLVL", "PWD", "OLDPWD"}
_JOB = {"SM_CHECKPOINT_DIR": "/opt/ml/checkpoints", "PYTHONPATH": "/opt/ml/code/src", "MINE": "/opt/ml/model:x y"}


def given(report: Report) -> dict[str, object]:
    line = next(line for line in contract_run(report).tail if line.startswith("SEEN"))
    told: dict[str, object] = json.loads(line[4:])
    variables = told["environment"]
    assert isinstance(variables, dict)
    told["environment"] = {name: text for name, text in variables.items() if name not in _OWN}
    return told


@WAYS
def test_a_script_is_given_the_same(repo: Repo, engine: str, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """argv, environment, folder, path and files, awkward values among them."""
    monkeypatch.setattr("migrate.verify.output._LONGEST_LINE", 1 << 20)
    repo.write({"setup.py": "raise SystemExit('not to be run')\n", "requirements.txt": "no-such-package-anywhere\n", "helper.py": ""})
    values = {"layers": [1, 2], "fast": True, "name": 'a "b" $HOME', "none": None, "b": 7, "ratio": "1.10"}
    options = "".join(f'parser.add_argument("-{"-" * (len(name) > 1)}{name}")\n' for name in values)
    for name in ("b",):  # the drivers write two dashes before any name
        options = options.replace(f'("-{name}")', f'("-{name}", "--{name}")')
    files = ", sorted(set(os.listdir('.')) - {'setup.py', 'requirements.txt'})"
    script = HEAD.replace("args = parser", f"{options}args = parser") + READ + SAVE + SEEN.replace(', "files": sorted(os.listdir("."))', "")
    script = script.replace("text = json", f"given['files'] = {files[2:]}\ntext = json")
    entry = entry_point((*SETTINGS, *(hyperparameter(name, "str", None) for name in values)))
    real, emulated = (
        verify(repo, script, engine, style, way, entry=entry, environment=_JOB, hyperparameters=values) for way in ("real", "emulated")
    )
    assert given(real) == given(emulated)
    assert verdicts(real) == verdicts(emulated)


def lost(text: str) -> str:
    return GOOD + text + "\n"


FAULTS = {
    "none": GOOD,
    "an unread channel": HEAD + SAVE,
    "an empty model folder": HEAD + READ,
    "a lost file": lost("open('best.txt', 'w').write('x')"),
    "a write into a channel": lost("try:\n    os.chmod(args.data, 0o755)\n    open(args.data + '/a.bin', 'w')\nexcept OSError:\n    pass"),
    "a network call": lost("import socket\ntry:\n    socket.getaddrinfo('weights.example', 80)\nexcept OSError:\n    pass"),
    "exit code 3": lost("print('bye')\nsys.exit(3)"),
    "a crash in another module": lost("import helper\nhelper.work()"),
    "a signal": lost("print('bye', flush=True)\nos.kill(os.getpid(), 9)"),
    "a setting that is refused": HEAD.replace("choices=", "type=int, choices=") + READ + SAVE,
    "a hang": lost("import threading\nthreading.Event().wait()"),
}


@pytest.mark.parametrize("name", FAULTS)
@WAYS
def test_a_script_is_told_the_same(repo: Repo, engine: str, style: str, name: str) -> None:
    repo.write({"helper.py": "def work():\n    return {}['missing']\n"})
    entry = entry_point(closure=("train.py", "helper.py"))
    timeout = 8.0 if name == "a hang" else 60.0
    real, emulated = (verify(repo, FAULTS[name], engine, style, way, entry=entry, timeout=timeout) for way in ("real", "emulated"))
    assert told(real) == told(emulated)
    assert verdicts(real) == verdicts(emulated) and ("run" not in verdicts(real)) == (contract_run(real).exit_code == 0)
    assert contract_run(real).argv == contract_run(emulated).argv
    assert contract_run(real).signal == contract_run(emulated).signal
    assert contract_run(real).exit_code == contract_run(emulated).exit_code
    assert contract_run(real).model_files == contract_run(emulated).model_files


def told(report: Report) -> list[tuple[str, str, str, list[tuple[str, str | None]]]]:
    """Each check: message and evidence, without what is counted in seconds and bytes."""
    out = []
    for each in report.checks:
        message = "" if each.verdict == "pass" and each.name in ("run", "model") else each.message
        # a process that is left over is named by its command line, with the folder of the scratch
        # the drivers print a line without what it begins with
        evidence = [(item.text.strip() if each.name != "processes" else "", item.where) for item in each.evidence]
        out.append((each.name, each.verdict, message, evidence if not contract_run(report).timed_out else []))
    return out


FORK = GOOD + "if os.fork() == 0:\n    os.setsid()\n    import threading\n    threading.Event().wait()\n"


@WAYS
def test_a_fork_that_outlives_its_parent(repo: Repo, engine: str, style: str) -> None:
    """The SDK's real drivers wait for it, as long as it holds the output open; the emulation says so."""
    real, emulated = (verify(repo, FORK, engine, style, way, timeout=8.0) for way in ("real", "emulated"))
    assert verdicts(emulated) == {"processes": "fail"}
    if style == "toolkit":
        assert verdicts(real) == {"processes": "fail"} and check(real, "processes").message == check(emulated, "processes").message
        return
    assert verdicts(real) == {"run": "fail"}
    assert check(real, "run").message.startswith("the script came to its end, but a process that it has started holds its output open")
    assert "the SDK v3 drivers do not end the job while such a one holds the output open" in check(emulated, "processes").message


@WAYS
def test_output_that_is_no_text(repo: Repo, engine: str, style: str) -> None:
    """The SDK's real drivers die of it."""
    script = GOOD + "print('été', flush=True)\nos.write(1, b'caf\\xe9\\n')\nprint('the last line')\n"
    real, emulated = (verify(repo, script, engine, style, way) for way in ("real", "emulated"))
    assert verdicts(real) == verdicts(emulated) == ({} if style == "toolkit" else {"run": "fail"})
    if style == "v3":
        assert check(emulated, "run").message.endswith("the SDK v3 drivers end the job at such a line: caf\\xe9")
        assert "UnicodeDecodeError" in check(real, "run").message
        assert check(real, "run").advice == check(emulated, "run").advice


def test_what_is_used_by_itself(repo: Repo) -> None:
    """The real programs where they are, and the reason where not; both stand in the proofs."""
    sandbox = repo.verify(GOOD, styles=("toolkit", "v3"), engine="sandbox", starter=None, sdk_pythons=(str(python_of("sdk3")),))
    assert sandbox.starters == REAL and verdicts(sandbox) == {}
    process = repo.verify(GOOD, styles=("toolkit", "v3"), engine="process", starter=None)
    assert process.starters["toolkit"] == REAL["toolkit"]
    assert process.starters["v3"] == "emulated (the drivers of SDK v3 are fixed to /opt/ml: --engine sandbox)"
    page = section(record.as_json([process]), None)
    assert (
        "Started by sagemaker-training 5.1.4 (toolkit); emulated (the drivers of SDK v3 are fixed to /opt/ml: --engine sandbox) (v3)."
        in page
    )


def test_a_python_without_the_toolkit(repo: Repo) -> None:
    python = str(python_of("sdk2"))
    report = repo.verify(GOOD, engine="process", starter=None, python=python)
    reason = "the run's Python has no sagemaker-training: pip install 'sagemaker-migrate[toolkit]' there"
    assert report.starters == {"toolkit": f"emulated ({reason})"} and verdicts(report) == {}
    refused = repo.verify(GOOD, engine="process", starter="real", python=python)
    assert refused.unable == f"engine process: --starter real: {reason}" and refused.exit_code == 2


def test_what_the_toolkit_itself_refuses_is_told_by_its_own_words() -> None:
    tail = (
        "2026-01-01 00:00:00,1 sagemaker-training-toolkit ERROR    Reporting training FAILURE",
        "The training entry point 'a b.py' cannot be used",
    )
    outcome = Outcome(1, None, False, False, 1.0, 0, 10, tail, (), frozenset(), True)
    assert starters.ended(Starter("toolkit", "x"), outcome) == outcome


def test_a_traceback_whose_lines_begin_at_once() -> None:
    """As the SDK's drivers print it: a line of code could be taken for the exception."""
    tail = ("Traceback (most recent call last):", 'File "/opt/ml/code/train.py", line 3, in <module>', "main", "KeyError: 'x'", "bye")
    found = trace.read(tail, Path("/opt/ml/code"))
    assert found is not None and (found.message, found.where) == ("KeyError: 'x'", "train.py:3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starter": "true"}, "--starter true: real or emulated"),
        ({"starter": "real", "engine": "docker"}, "--starter is for --engine process and sandbox"),
    ],
)
def test_options_that_do_not_go_together(repo: Repo, options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        cli.run(repo.root, [entry_point()], Options(**options))  # type: ignore[arg-type]
    assert str(caught.value) == message
