"""How a job is laid out and started: the two conventions, what travels, what is refused, what is given along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.job.model import Channel, EntryPoint
from migrate.verify import cli, launched
from migrate.verify.model import Options
from migrate.verify.pipeline import verify
from tests.verify.repos import GOOD, HEAD, READ, SAVE, SETTINGS, Repo, check, contract_run, entry_point, hyperparameter, verdicts


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_the_environment_is_the_containers(repo: Repo, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    names = [
        "AWS_SECRET_ACCESS_KEY",
        "MY_TOKEN",
        "AWS_EC2_METADATA_DISABLED",
        "SM_MODEL_DIR",
        "SM_CHECKPOINT_DIR",
        "HOME",
        "TMPDIR",
        "SM_HPS",
    ]
    tell = f"print('SEEN', json.dumps({{name: os.environ.get(name) for name in {names!r}}}))\nprint('CWD', os.getcwd())\n"
    report = repo.verify(GOOD + tell, styles=(style,))
    assert verdicts(report) == {}
    tail = contract_run(report).tail
    told = json.loads(next(line for line in tail if line.startswith("SEEN "))[5:])
    assert told["AWS_SECRET_ACCESS_KEY"] is None and told["MY_TOKEN"] is None and told["AWS_EC2_METADATA_DISABLED"] == "true"
    assert json.loads(told["SM_HPS"]) == {"lr": 0.1, "epochs": 2, "kind": "a"}
    base = told["SM_MODEL_DIR"].removesuffix("/model")
    assert told["SM_CHECKPOINT_DIR"] == f"{base}/checkpoints" and base.endswith("/opt/ml")
    assert not Path(told["HOME"]).is_relative_to(Path.home()) and not Path(told["HOME"]).exists() and not Path(told["TMPDIR"]).exists()
    code = f"{base}/code" if style == "toolkit" else f"{base}/input/data/code"
    assert f"CWD {code}" in tail


@pytest.mark.parametrize(("environment", "failed"), [(None, set()), ({}, {"v3"})])
def test_a_script_in_a_folder_that_imports_from_the_root(repo: Repo, environment: dict[str, str] | None, failed: set[str]) -> None:
    """The v3 drivers put only the script's own folder on the path; the launcher's environment mends that."""
    repo.write({"shared/__init__.py": "", "shared/work.py": "def work(): pass\n"})
    entry = entry_point(path="tools/train.py", closure=("tools/train.py", "shared/work.py"))
    report = repo.verify("from shared.work import work\n" + GOOD, entry, styles=("toolkit", "v3"), environment=environment)
    assert {style for style in ("toolkit", "v3") if check(report, "run", style).verdict == "fail"} == failed
    if failed:
        found = check(report, "run", "v3")
        assert "No module named 'shared'" in found.message and found.advice is not None and "PYTHONPATH" in found.advice
        assert [evidence.where for evidence in found.evidence if evidence.where] == ["tools/train.py:1"]


def test_a_module_that_is_not_installed(repo: Repo) -> None:
    report = repo.verify("import cv2_not_here\nimport cv2\n" + GOOD)
    assert report.exit_code == 2 and report.unable is not None
    assert "cv2-not-here" in report.unable
    report = repo.verify("import sklearn_not_here as s\n".replace("sklearn_not_here", "skimage.nowhere") + GOOD)
    assert "pip install scikit-image" in str(report.unable)


def test_quick_shortens_and_says_so(repo: Repo) -> None:
    settings = (*SETTINGS, hyperparameter("warmup_steps", "int", 100), hyperparameter("max-steps", "int", 1000))
    options = "".join(
        f'parser.add_argument("--{name}", type=int, default={n})\n' for name, n in (("warmup_steps", 100), ("max-steps", 1000))
    )
    report = repo.verify(HEAD.replace("args = parser", f"{options}args = parser") + READ + SAVE, entry_point(settings), quick=True)
    assert verdicts(report) == {}
    assert contract_run(report).hyperparameters == {"lr": 0.1, "epochs": 1, "kind": "a", "warmup_steps": 100, "max-steps": 1}
    assert report.notes == ("quick: epochs, max-steps set to 1",)


def test_given_hyperparameters_win(repo: Repo) -> None:
    report = repo.verify(GOOD, hyperparameters={"epochs": 7})
    assert contract_run(report).hyperparameters["epochs"] == 7 and verdicts(report) == {}


def test_what_git_ignores_does_not_travel(repo: Repo) -> None:
    repo.write({".gitignore": "/secret.txt\n", "kept.txt": "x"})
    report = repo.verify(GOOD + "print('HERE', sorted(os.listdir('.')))\n")
    (repo.root / "secret.txt").write_text("x")
    again = repo.verify(GOOD + "print('HERE', sorted(os.listdir('.')))\n")
    assert contract_run(report).tail[-1] == contract_run(again).tail[-1] == "HERE ['.gitignore', 'kept.txt', 'train.py']"
    (repo.root / "secret.txt").unlink()
    assert report.tree == again.tree


def test_the_tree_hash_follows_content(repo: Repo) -> None:
    first = repo.verify(GOOD).tree
    assert first != repo.verify(GOOD + "\n").tree and first == repo.verify(GOOD).tree


def test_links_within_the_repo_stay_links_and_others_become_files(repo: Repo, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("out")
    repo.write({"a.txt": "in"})
    (repo.root / "inner").symlink_to("a.txt")
    (repo.root / "outer").symlink_to(outside)
    report = repo.verify(GOOD + "print('LINKS', os.path.islink('inner'), os.path.islink('outer'), open('outer').read())\n")
    assert contract_run(report).tail[-1] == "LINKS True False out" and verdicts(report) == {}


def test_danger_is_refused_and_trusted(repo: Repo, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "model.pth"
    target.parent.mkdir()
    script = GOOD + f"open({str(target)!r}, 'w').write('x')\n"
    refused = repo.verify(script, dangerous=(f"train.py:20 writes {target}",))
    assert refused.exit_code == 2 and refused.runs == () and "--trust" in str(refused.unable) and not target.exists()
    trusted = repo.verify(script, dangerous=("x",), trust=True)
    assert target.exists() and verdicts(trusted) == {"lost files": "fail"}
    assert [evidence.where for evidence in check(trusted, "lost files").evidence] == ["train.py:19"]


def test_names_and_values_that_a_serialiser_cannot_carry(repo: Repo) -> None:
    report = repo.verify(GOOD, channels={"training": repo.data, "my-data": repo.data})
    found = check(report, "names and values")
    assert found.verdict == "fail" and ["my-data" in evidence.text for evidence in found.evidence] == [True]


def test_a_channel_can_be_one_file(repo: Repo) -> None:
    assert verdicts(repo.verify(GOOD, channels={"training": repo.data / "rows.txt"})) == {}


def test_a_channel_that_is_too_large(repo: Repo) -> None:
    report = repo.verify(GOOD, copy_limit=3)
    assert report.exit_code == 2 and "give a sample" in str(report.unable)


@pytest.mark.parametrize(("python", "told"), [("no-such-python-here", "no such Python"), ("/bin/false", "does not run as a Python")])
def test_a_python_that_is_none(repo: Repo, python: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        repo.verify(GOOD, python=python)


def test_another_python(repo: Repo, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(os.path.realpath(sys.executable))
    report = repo.verify(GOOD + "print(sys.executable)\n", python=str(link))
    assert contract_run(report).tail[-1] == str(link)


def test_run_checks_channels_first_and_shares_them_out(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        cli.run(repo.root, [entry_point()], Options(engine=None, channels={"training": tmp_path / "nowhere"}))
    repo.write({"train.py": GOOD, "other.py": HEAD.replace("TRAINING", "OTHER") + READ + SAVE})
    from migrate.job.model import Channel

    other = entry_point(path="other.py", channels=(Channel("other", "./data", "other.py", 11),))
    reports = cli.run(
        repo.root,
        [entry_point(), other],
        Options(engine=None, channels={"training": repo.data, "other": repo.data}, styles=("toolkit",)),
    )
    assert [verdicts(report) for report in reports] == [{}, {}] and cli.exit_code(reports) == 0


def test_channel_data_is_copied_and_read_only(repo: Repo) -> None:
    report = repo.verify(GOOD + "print('MODE', oct(os.stat(args.data).st_mode & 0o222), os.path.islink(args.data))\n")
    assert contract_run(report).tail[-1] == "MODE 0o0 False"


def test_sitecustomize_of_the_environment_still_runs(repo: Repo) -> None:
    repo.write({"sitecustomize.py": "import builtins\nbuiltins.mine = 1\n"})
    assert verdicts(repo.verify(GOOD + "print(mine)\n")) == {}


def test_a_member_of_a_package_is_started_as_a_module(repo: Repo) -> None:
    package = {"work/__init__.py": "", "work/helper.py": "def work(): pass\n"}
    entry = entry_point(path="work/train.py", closure=("work/train.py", "work/helper.py"), as_module=True)
    repo.write(package)
    report = repo.verify("from .helper import work\n" + GOOD, entry, styles=("toolkit", "v3"))
    assert verdicts(report) == {} and "python -m work.train" in report.notes[0]
    starter = Path(__file__).parents[2] / "templates" / "run_module.py.j2"
    repo.write({"sagemaker_job/run_module.py": starter.read_text()})
    report = repo.verify("from .helper import work\n" + GOOD + "print('ARGV', sys.argv[0][-8:])\n", entry, styles=("toolkit", "v3"))
    assert verdicts(report) == {} and report.notes == ()
    assert contract_run(report).tail[-1] == "ARGV train.py"


COMMANDS = """
import argparse, json, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
commands = parser.add_subparsers(dest="task", required=True)
small = commands.add_parser("small")
small.add_argument("--depth", type=int, default=1)
large = commands.add_parser("large")
large.add_argument("--width", type=int, default=2)
large.add_argument("--height", type=int, default=3)
argv = sys.argv[1:]
sent = dict(zip(argv[::2], argv[1::2]))
task = sent.pop("--task")
own = [word for name in ("--lr",) if name in sent for word in (name, sent.pop(name))]
args = parser.parse_args(own + [task] + [word for pair in sent.items() for word in pair])
"""


def test_subcommands_are_chosen_and_others_settings_left_out(repo: Repo) -> None:
    settings = (
        hyperparameter("lr", "float", 0.1),
        hyperparameter("depth", "int", 1),
        hyperparameter("width", "int", 2),
        hyperparameter("height", "int", 3),
    )
    script = COMMANDS.replace('sent.pop("--task")', 'sent.pop("--task", "large")')
    report = repo.verify(script, entry_point(settings))
    assert check(report, "settings").verdict == "pass"
    last = [run for run in report.runs if run.purpose == "settings"][-1]
    assert last.hyperparameters == {"lr": 1.1, "task": "large", "width": 3, "height": 4}


def test_every_channel_of_the_job_is_there_with_or_without_data(repo: Repo) -> None:
    report = repo.verify(GOOD, channels={})
    found = check(report, "run")
    assert found.verdict == "fail" and found.advice == "no data was given for it: --channel training=DIR"
    assert [evidence.where for evidence in found.evidence if evidence.where] == ["train.py:14"]
    report = repo.verify("open(os.environ['SM_CHANNEL_TRAINING'] + '/x')\n".join(["import os\n", GOOD]), channels={})
    assert check(report, "settings").verdict == "not run"


def test_data_where_the_launcher_has_it_is_used(repo: Repo) -> None:
    repo.write({"data/rows.txt": "1\n"})
    report = repo.verify(GOOD, channels={})
    assert verdicts(report) == {} and report.notes == (f"channel training: {repo.root}/data, as sagemaker_job/job.toml or the script says",)


JOB = """
[job.train]
entry = "train.py"
[job.train.channels]
training = "s3://{bucket}/x"
[job.train.local]
training = "here"
[job.train.hyperparameters]
epochs = 5
[job.train.environment]
MINE = "/opt/ml/checkpoints/a"
"""


def test_the_job_file_says_what_is_sent(repo: Repo) -> None:
    repo.write({"sagemaker_job/job.toml": JOB, "here/rows.txt": "1\n"})
    report = repo.verify(GOOD + "print('MINE', os.environ['MINE'].endswith('ml/checkpoints/a'))\n", channels={})
    assert verdicts(report) == {} and contract_run(report).hyperparameters == {"epochs": 5}
    assert contract_run(report).tail[-1] == "MINE True"


def test_a_broken_job_file(repo: Repo) -> None:
    repo.write({"sagemaker_job/job.toml": "[job"})
    with pytest.raises(UserError, match="job.toml: cannot be read"):
        repo.verify(GOOD)


def test_no_room_for_the_copies(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="verify cannot work here"):
        repo.verify(GOOD)


def test_a_folder_outside_git(repo: Repo, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    (plain / "myenv").mkdir(parents=True)
    (plain / "myenv" / "pyvenv.cfg").write_text("")
    (plain / "train.py").write_text(GOOD + "print('HERE', sorted(os.listdir('.')))\n")
    options = Options(channels={"training": repo.data}, styles=("toolkit",))
    report = verify(plain, entry_point(), options)
    assert verdicts(report) == {} and contract_run(report).tail[-1] == "HERE ['train.py']"


@pytest.mark.parametrize("folder", ["~", "/", ".", "..", "~/no-such-folder-here", ""])
def test_what_is_not_taken_for_data(repo: Repo, folder: str) -> None:
    repo.write({"sagemaker_job/job.toml": JOB.replace('"here"', f'"{folder}"'), "train.py": GOOD})
    job = launched.of(repo.root, entry_point())
    assert (job.local, job.outside) == ({}, {})


def data_at(repo: Repo, said: str, value: str) -> EntryPoint:
    if said == "job.toml":
        repo.write({"sagemaker_job/job.toml": JOB.replace('"here"', f'"{value}"')})
    return entry_point(channels=(Channel("training", value, "train.py", 11),))


@pytest.mark.parametrize("said", ["job.toml", "the script"])
def test_a_relative_path_out_of_the_repository_is_used_only_where_it_is_named(repo: Repo, said: str) -> None:
    """A folder of that name may happen to lie there, and be something else."""
    entry = data_at(repo, said, "../data")
    report = repo.verify(GOOD, entry, channels={})
    note = f"channel training: {repo.data} lies outside of the repository, and is not used unasked: --channel training={repo.data}"
    assert note in report.notes and check(report, "run").advice == "no data was given for it: --channel training=DIR"
    assert verdicts(repo.verify(GOOD, entry)) == {}
    made = repo.verify(GOOD, entry, channels={}, synthetic=True)
    assert note in made.notes and any(each.startswith("channel training: made up, rows.txt") for each in made.notes)
    assert verdicts(made) == {}


@pytest.mark.parametrize("said", ["job.toml", "the script"])
def test_a_whole_path_is_what_its_author_means(repo: Repo, said: str) -> None:
    report = repo.verify(GOOD, data_at(repo, said, str(repo.data)), channels={})
    assert verdicts(report) == {} and any(note.startswith(f"channel training: {repo.data}, as") for note in report.notes)


def test_a_link_in_the_repository_is_its_data(repo: Repo) -> None:
    (repo.root / "data").symlink_to(repo.data)
    report = repo.verify(GOOD, channels={})
    (repo.root / "data").unlink()
    assert verdicts(report) == {}


@pytest.mark.parametrize("way", ["pth", "finder"])
def test_a_repo_installed_for_editing_is_not_used(repo: Repo, tmp_path: Path, way: str) -> None:
    """A container has only the source folder: what is found here through the installation would be missing there."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    site = next(home.glob("lib/python3*/site-packages"))
    repo.write({"src/mine/__init__.py": "", "src/mine/work.py": ""})
    if way == "pth":
        (site / "mine.pth").write_text(f"{repo.root}/src\n")
    else:
        (site / "__editable___mine_finder.py").write_text(FINDER.format(path=str(repo.root / "src" / "mine")))
        (site / "mine.pth").write_text("import __editable___mine_finder; __editable___mine_finder.install()\n")
    python = str(home / "bin" / "python")
    assert subprocess.run([python, "-c", "import mine"]).returncode == 0
    report = repo.verify("import mine\n" + GOOD, python=python)
    found = check(report, "run")
    assert found.verdict == "fail" and found.message == "exit code 1: ModuleNotFoundError: No module named 'mine'"


FINDER = """
import importlib.util, sys
MAPPING = {{"mine": {path!r}}}
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            return importlib.util.spec_from_file_location(name, MAPPING[name] + "/__init__.py")
def install():
    sys.meta_path.append(Finder)
"""


def test_a_file_that_the_data_lack_is_told_with_its_folder(repo: Repo) -> None:
    script = HEAD + READ + "open(os.path.join(args.data, 'labels.txt'))\n" + SAVE
    assert check(repo.verify(script), "run").advice == f"{repo.data} has no such file: --channel training=DIR gives other data"


@pytest.mark.parametrize(
    "message", ["`Import pyarrow` failed.  Use pip to install it.", "Missing optional dependency 'pyarrow'.  Use pip to install it."]
)
def test_a_package_that_another_one_asks_for_only_at_times(repo: Repo, message: str) -> None:
    found = check(repo.verify(GOOD + f"raise ImportError({message!r})\n"), "run")
    assert found.verdict == "fail"
    assert found.advice == "name pyarrow in requirements.txt: another package needs it here, and no import says so"


REQUIRED = HEAD.replace("args = parser", 'parser.add_argument("-v", "--vocab_path", required=True)\nargs = parser') + READ + SAVE


def test_a_setting_that_only_the_user_knows_is_asked_for(repo: Repo) -> None:
    entry = entry_point((*SETTINGS, hyperparameter("vocab_path", "str", None, required=True, is_path=True)))
    report = repo.verify(REQUIRED, entry)
    found = check(report, "run")
    assert (found.verdict, found.message) == ("not run", "the script asks for what the job does not give it: vocab_path")
    assert found.advice == "--hp vocab_path=VALUE, as the launchers are to be given it" and report.exit_code == 2
    assert "defaults" not in verdicts(report)
    assert verdicts(repo.verify(REQUIRED, entry, hyperparameters={"vocab_path": "/opt/ml/input/data/training/rows.txt"})) == {}


@pytest.mark.parametrize("statement", ["call(json.dumps, {}, categorical_feature=1)", "json.no_such_thing"])
def test_a_package_of_another_version(repo: Repo, statement: str) -> None:
    """Told from the script's own line, also where it goes through the support module."""
    repo.write({"sagemaker_support.py": "def call(function, *given, **more):\n    return function(*given, **more)\n"})
    script = GOOD + f"from sagemaker_support import call\n{statement}\n"
    found = check(repo.verify(script), "run")
    assert found.advice is not None and "not the one that the code was written for" in found.advice
    assert [item.where for item in found.evidence if item.where] == [f"train.py:{script.count(chr(10))}"]
