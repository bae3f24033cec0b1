"""Which files are made, and what becomes of those that a person has edited."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from migrate.facts.model import Place, Span
from migrate.generate import generate
from migrate.generate.files import jobs_of, without_lines
from migrate.generate.mark import read_mark
from migrate.job.infer import infer
from migrate.job.model import Channel
from migrate.repo.ec2.model import Command, Ec2Side
from migrate.rules.model import Finding
from tests.generate.small import entry_point, setting, write

FILES = {
    "launch.py",
    "launch_boto3.py",
    "job_settings.py",
    "job_request.py",
    "job_source.py",
    "job_run.py",
    "job.toml",
    "MIGRATION.md",
    "notify.yaml",
}


def names(root: Path) -> set[str]:
    return {path.name for path in (root / "sagemaker_job").iterdir()}


def finding(message: str, line: int = 1) -> Finding:
    return Finding("SM101", "input-path", Place("train.py", Span(line, 0, line, 9)), "error", message, "safe")


def test_a_plain_repo(tmp_path: Path) -> None:
    made = write(tmp_path)
    assert names(tmp_path) == FILES
    assert all(read_mark(file.content) is True for file in made.files)
    assert {file.path: file.mode for file in made.files}["sagemaker_job/launch.py"] == 0o755
    assert made.kept == ()


def test_no_entry_point_no_files(tmp_path: Path) -> None:
    assert generate(tmp_path, []).files == ()


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, done=[finding("was mended", 3)], findings=[finding("is left", 9)])
    again = generate(tmp_path, [entry_point()], project="demo", findings=[finding("is left", 12)])
    assert again.files == ()
    assert again.kept == ()


def test_an_edited_job_file_keeps_its_comments_and_gets_new_jobs(tmp_path: Path) -> None:
    write(tmp_path)
    settings = tmp_path / "sagemaker_job" / "job.toml"
    edited = settings.read_text("utf-8").replace("REPLACE-WITH-BUCKET", "mine").replace("spot = false", "spot = true  # cheap")
    settings.write_text(edited, "utf-8")
    entries = [entry_point(), entry_point("b/other.py", hyperparameters=(setting("x", {"a": {"b": 1}}),))]
    write(tmp_path, entries)
    text = settings.read_text("utf-8")
    assert "# cheap" in text and 'bucket = "mine"' in text
    document = tomllib.loads(text)
    assert list(document["job"]) == ["train", "other"]
    assert document["job"]["train"] == tomllib.loads(edited)["job"]["train"]
    assert document["job"]["other"]["hyperparameters"] == {"x": {"a": {"b": 1}}}
    assert text.count("# What a job can have besides") == 1
    write(tmp_path, entries)
    assert settings.read_text("utf-8") == text


@pytest.mark.parametrize("present", ["no toml [", "", "job = 3\n", "[job.train]\nentry = 'train.py'\n", "\udcff"])
def test_a_job_file_that_is_someones_own_stays(tmp_path: Path, present: str) -> None:
    (tmp_path / "sagemaker_job").mkdir()
    settings = tmp_path / "sagemaker_job" / "job.toml"
    settings.write_bytes(present.encode("utf-8", "surrogateescape"))
    write(tmp_path)
    assert settings.read_bytes() == present.encode("utf-8", "surrogateescape") or tomllib.loads(settings.read_text("utf-8"))["job"]


def test_the_page_keeps_what_it_told_and_adds_what_is_new(tmp_path: Path) -> None:
    write(tmp_path, done=[finding("first `a` | b")])
    write(tmp_path, done=[finding("second")], findings=[finding("left")])
    page = (tmp_path / "sagemaker_job" / "MIGRATION.md").read_text()
    changed = page.split("## What changed and why")[1].split("## ")[0]
    assert changed.split("\n")[1:3] == ["- `train.py` SM101 first \\`a\\` \\| b", "- `train.py` SM101 second"]
    assert "- [ ] `train.py` SM101 left" in page


def test_the_page_tells_how_the_data_gets_there(tmp_path: Path) -> None:
    write(tmp_path, [entry_point(channels=(Channel("training", "/data/my set", "train.py", 3),))])
    page = (tmp_path / "sagemaker_job" / "MIGRATION.md").read_text()
    assert "\naws s3 sync '/data/my set' s3://BUCKET/demo/training\n" in page


def test_an_edited_file_is_kept_and_the_new_one_shown(tmp_path: Path) -> None:
    write(tmp_path)
    settings = tmp_path / "sagemaker_job" / "job.toml"
    edited = settings.read_text().replace("REPLACE-WITH-BUCKET", "mine")
    settings.write_text(edited)
    made = write(tmp_path, [entry_point(hyperparameters=(setting("momentum", 0.9),))])
    assert settings.read_text() == edited
    assert [kept.path for kept in made.kept] == ["sagemaker_job/job.toml"]
    assert '-bucket = "mine"\n+bucket = "REPLACE-WITH-BUCKET"\n' in made.kept[0].diff
    assert "+momentum = 0.9\n" in made.kept[0].diff
    assert "sagemaker_job/job.toml" not in {file.path for file in made.files}


def test_a_file_of_the_repo_is_kept(tmp_path: Path) -> None:
    (tmp_path / "sagemaker_job").mkdir()
    (tmp_path / "sagemaker_job" / "launch.py").write_text("print('mine')")
    made = write(tmp_path)
    assert [kept.path for kept in made.kept] == ["sagemaker_job/launch.py"]
    assert "\\ No newline at end of file" in made.kept[0].diff


def test_line_ends_of_a_checkout_are_no_edit(tmp_path: Path) -> None:
    write(tmp_path)
    page = tmp_path / "sagemaker_job" / "launch.py"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    made = generate(tmp_path, [entry_point()], project="demo")
    assert [file.path for file in made.files] == ["sagemaker_job/launch.py"]
    assert made.kept == ()


def test_requirements_and_dockerfile_where_the_image_lacks_something(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch==2.1\ntqdm>=4\n")
    write(tmp_path)
    assert names(tmp_path) == FILES | {"requirements.txt", "Dockerfile", "Dockerfile.dockerignore", "build_and_push.sh"}
    folder = tmp_path / "sagemaker_job"
    assert [line for line in (folder / "requirements.txt").read_text().splitlines() if not line.startswith("#")] == ["tqdm>=4"]
    assert "\nFROM 763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1.0-gpu-py310\n" in (folder / "Dockerfile").read_text()
    assert job(tmp_path, "train")["requirements"] == "sagemaker_job/requirements.txt"


def test_no_dockerfile_where_the_image_has_it_all(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch==2.1\nnumpy\n")
    write(tmp_path)
    assert names(tmp_path) == FILES
    assert "requirements" not in job(tmp_path, "train")


def test_several_entry_points_have_one_folder_and_a_job_each(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("einops\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "requirements.txt").write_text("timm==0.9\n")
    write(tmp_path, [entry_point("a/train.py"), entry_point("b/train.py"), entry_point("c/main.py")])
    assert list(document(tmp_path)["job"]) == ["a-train", "b-train", "main"]
    assert job(tmp_path, "b-train")["entry"] == "b/train.py"
    assert job(tmp_path, "b-train")["requirements"] == "sagemaker_job/requirements-b-train.txt"
    assert {"Dockerfile-a-train", "Dockerfile-b-train", "requirements-main.txt"} <= names(tmp_path)


def test_a_module_has_a_runner(tmp_path: Path) -> None:
    write(tmp_path, [entry_point("pkg/train.py", as_module=True)])
    assert names(tmp_path) == FILES | {"run_module.py"}


@pytest.mark.parametrize(("function", "said"), [(None, "__main__\n"), ("train", "pkg.train\ncalled\n")])
def test_the_runner_starts_the_module_or_calls_its_function(function: str | None, said: str, tmp_path: Path) -> None:
    point = entry_point("pkg/train.py", as_module=True, function=function)
    write(tmp_path, [point])
    (tmp_path / "pkg" / "train.py").write_text("print(__name__)\n\n\ndef train():\n    print('called')\n")
    module = infer(point, project="p").environment["SM_RUN_MODULE"]
    command = [sys.executable, str(tmp_path / "sagemaker_job" / "run_module.py")]
    done = subprocess.run(command, env={"SM_RUN_MODULE": module}, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, said)


STARTED = """\
import multiprocessing
import os
import pickle
import sys


class Settings:
    pass


def told(number):
    return number, __name__, os.getcwd(), sys.argv, sys.path[0], __file__, __spec__


if __name__ == "__main__":
    print(pickle.loads(pickle.dumps(Settings())).__class__, told(0))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(told, [1]))
"""


@pytest.mark.parametrize(("path", "folder"), [("sub/train.py", "sub"), ("sub/deep/train.py", "sub"), ("train.py", "sub")])
def test_the_runner_starts_a_script_in_its_folder_as_python_does(path: str, folder: str, tmp_path: Path) -> None:
    start = Command("x", (), "run.sh", 1, entry=path, typed_in=folder)
    point = entry_point(path, opens="../a.txt", ec2=Ec2Side(starts=(start,)))
    write(tmp_path, [point])
    for place in (tmp_path / folder, (tmp_path / path).parent):
        place.mkdir(exist_ok=True, parents=True)
    (tmp_path / path).write_text(STARTED)
    environment = {**infer(point, project="p").environment, "PYTHONPATH": ""}
    assert (environment["SM_RUN_FOLDER"], environment["SM_RUN_SCRIPT"]) == (folder, path)
    on_ec2 = [sys.executable, os.path.relpath(path, folder), "--a", "1"]
    on_sagemaker = [sys.executable, "sagemaker_job/run_module.py", "--a", "1"]
    one = subprocess.run(on_ec2, capture_output=True, text=True, cwd=tmp_path / folder)
    other = subprocess.run(on_sagemaker, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (other.returncode, other.stdout) == (0, one.stdout), other.stderr
    assert "__mp_main__" in one.stdout


def test_local_data_of_a_script_in_a_folder(tmp_path: Path) -> None:
    start = Command("x", (), "run.sh", 1, entry="sub/train.py", typed_in="sub")
    channels = (Channel("one", "../data", "sub/train.py", 1), Channel("two", "/mnt/d", "sub/train.py", 2), Channel("three", "d", "", 3))
    write(tmp_path, [entry_point("sub/train.py", opens="../a.txt", ec2=Ec2Side(starts=(start,)), channels=channels)])
    assert job(tmp_path, "train")["local"] == {"one": "data", "two": "/mnt/d", "three": "sub/d"}


def test_code_that_gitignore_names_but_the_job_needs_is_sent(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("lib/\n*.txt\ndata\n")
    (tmp_path / "requirements.txt").write_text("einops\n")
    write(tmp_path, [entry_point(closure=("train.py", "lib/model.py"))])
    assert document(tmp_path)["ignore"][-2:] == ["!/lib/", "!/sagemaker_job/requirements.txt"]


def document(root: Path) -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads((root / "sagemaker_job" / "job.toml").read_text("utf-8"))


def job(root: Path, key: str) -> dict[str, object]:
    return document(root)["job"][key]


@pytest.mark.parametrize("framework", ["pytorch", "fortran"])
def test_generated_python_is_clean(tmp_path: Path, framework: str) -> None:
    """People review it in a pull request, and their linters read it."""
    write(tmp_path, [entry_point("pkg/train.py", as_module=True, framework=framework)], extras=["pipeline"])
    ruff = [sys.executable, "-m", "ruff"]
    style = ["--isolated", "--line-length", "140", str(tmp_path / "sagemaker_job")]
    for command in ([*ruff, "format", "--check", *style], [*ruff, "check", "--select", "E,F,W,B,I", *style]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_first_job_is_the_one_that_a_person_would_start(tmp_path: Path) -> None:
    paths = ["evaluate.py", "lr_finder.py", "main.py", "sub/train.py", "train.py"]
    jobs = jobs_of(tmp_path, [dataclasses.replace(entry_point(), path=path) for path in paths])
    assert [job.entry for job in jobs] == ["train.py", "sub/train.py", "main.py", "evaluate.py", "lr_finder.py"]


def test_the_page_names_no_lines_of_scripts() -> None:
    text = "a.py:35 and b.py: line 3 (also in lines 4, 5, ...), lines 6 and 7; online 8"
    assert without_lines(text) == "a.py and b.py: a line (also in other lines), other lines; online 8"
