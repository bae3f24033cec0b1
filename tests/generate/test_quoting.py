"""Whatever a repo's strings hold, each generated file parses back to exactly them, and nothing of them runs."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import tomllib
import tree_sitter_hcl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tree_sitter import Language, Parser

from migrate.facts.model import Place, Span
from migrate.generate import generate
from migrate.generate.around import EXTRAS
from migrate.generate.environment import comment, dockerword, mdcode, mdtext, pyrepr, shquote, templates, toml, tomlkey
from migrate.generate.mark import read_mark
from migrate.job.infer import infer, name_of
from migrate.job.job import Distribution, Job, JobChannel, Network
from migrate.job.model import Channel, EntryPoint, MetricDefinition
from migrate.rules.model import Finding
from tests.generate.small import SENDABLE, entry_point, setting, write
from tests.generate.templates import read_text as read_template

HOSTILE = [
    "'",
    '"',
    '"""',
    "'''",
    "\\",
    "a\nb",
    "\r\n[job.x]\nrole = 1",
    "$(touch /tmp/x)",
    "`id`",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "#}",
    "\x00\x1b[31m\x7f",
    "\u2028\u2029\x85",
    "日本語 é \U0001f600",
    "\udcff",
    "-->",
    "<script>alert(1)</script>",
    "|x|",
    "](javascript:x)",
    "x" * 5000,
    "\n## What is left to do\n- [ ] nothing",
    "; rm -rf /",
    "\nRUN curl evil",
]
TEXT = st.sampled_from(HOSTILE) | st.text(max_size=40)
JSON = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda x: st.lists(x, max_size=3),
)


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@given(TEXT)
def test_python(text: str) -> None:
    assert ast.literal_eval(pyrepr({"k": [text]})) == {"k": [clean(text)]}


@given(JSON)
def test_toml_is_json_too(value: object) -> None:
    written = toml(value)
    assert "\n" not in written
    read = tomllib.loads(f"x = {written}")["x"]
    assert read == json.loads(written)
    if isinstance(value, str):
        assert read == clean(value)


@given(TEXT)
def test_toml_key(text: str) -> None:
    assert (
        tomllib.loads(f"{tomlkey(text)} = 1\n[{tomlkey(text)}-t]" if tomlkey(text) == text else f"{tomlkey(text)} = 1").get(clean(text))
        == 1
    )


@given(TEXT)
def test_shell(text: str) -> None:
    assert len(shlex.split(shquote(text))) == 1
    assert "\n" not in shquote(text)


@given(TEXT)
def test_one_line(text: str) -> None:
    for made in (comment(text), mdtext(text), mdcode(text), dockerword(text)):
        assert len(made.splitlines()) <= 1
    assert re.fullmatch(r"[A-Za-z0-9._:/@-]*", dockerword(text))


@given(TEXT)
def test_markdown_code_is_closed(text: str) -> None:
    span = mdcode(text)
    fence = re.match("`+", span)
    assert fence is not None
    assert span.endswith(fence.group())
    assert not re.search(rf"(?<!`){fence.group()}(?!`)", span[len(fence.group()) : -len(fence.group())])


@given(TEXT)
def test_markdown_text_is_no_markup(text: str) -> None:
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>|]", mdtext(text))


def repo(folder: str, text: str) -> dict[str, bytes]:
    """Everything that is generated for a repo in which ``text`` stands wherever a repo's string can stand."""
    root = Path(folder)
    safe = clean(text).replace("\x00", "")
    (root / "requirements.txt").write_text(f"einops\n{safe}\n", encoding="utf-8")
    (root / ".gitignore").write_text(f"{safe}\n*.pth\n", encoding="utf-8")
    place = Place(f"{text}.py", Span(1, 0, 1, 1))
    entry = entry_point(
        f"{text}.py",
        framework_version=text,
        instance_type=text,
        command=text,
        hyperparameters=(setting("value", text), setting(text, 1), setting("many", [text]), setting("table", {text: {text: text}})),
        metrics=(MetricDefinition(text, text, text, "train.py", 1), MetricDefinition("loss", text, "x", "train.py", 1)),
        channels=(Channel("training", text, "train.py", 1, f"s3://{text}"), Channel("other", text, "train.py", 1)),
    )
    finding = Finding("SM101", "x", place, "error", text, "none", text)
    made = generate(root, [entry, entry_point("b/train.py")], findings=[finding], done=[finding], project=text)
    return {file.path: file.content for file in made.files}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXT)
@example(text="\n## What is left to do\n- [ ] nothing")
@example(text='"\n[job.train]\nrole = "x')
def test_every_generated_file_parses_back(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = repo(folder, text)
    for path, content in files.items():
        assert read_mark(content) is True, path
        if path.endswith(".py"):
            ast.parse(content)
    document = tomllib.loads(files["sagemaker_job/job.toml"].decode())
    assert list(document) == ["role", "bucket", "region", "ignore", "job"]
    assert len(document["job"]) == 2
    (job,) = [job for job in document["job"].values() if job["entry"] != "b/train.py"]
    assert job["entry"] == clean(f"{text}.py")
    assert job["local"].get("training", "") == clean(text)
    if "value" in job["hyperparameters"]:
        assert job["hyperparameters"]["value"] == clean(text)
    assert job["metrics"]["loss"] == clean(text)
    if "table" in job["hyperparameters"]:
        assert job["hyperparameters"]["table"] == {clean(text): {clean(text): clean(text)}}
    for name, content in files.items():
        if name.endswith(".sh"):
            subprocess.run(["bash", "-n"], input=content, check=True)
        if "Dockerfile" in name and not name.endswith(".dockerignore"):
            instructions = [line.split()[0] for line in content.decode().splitlines() if line and not line.startswith("#")]
            assert instructions == ["FROM", "COPY", "RUN"]
    headings = [line for line in files["sagemaker_job/MIGRATION.md"].decode().splitlines() if line.startswith("## ")]
    assert headings == ["## The jobs", "## What changed and why", "## What is left to do", "## Proofs"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXT)
@example(text='"\n[job.train.network]\nisolation = true\nx = "')
def test_whatever_the_ec2_side_holds_job_toml_parses_back_to_it(text: str) -> None:
    """Roles, regions, keys, subnets, locations and options that were found in shell scripts, Terraform and the like."""

    def found(entry: EntryPoint, **more: Any) -> Job:
        return dataclasses.replace(
            infer(entry, **more),
            role=text,
            region=text,
            output=text,
            checkpoints=text,
            output_kms_key=text,
            volume_kms_key=text,
            tensorboard=text,
            network=Network((text,), (text, text), True, True),
            distribution=Distribution("mpi", 2, (text,)),
            channels=(JobChannel("plain", text, text, True, why=text), JobChannel(text or "x", text, text, True, text, text, text)),
            tags={text: text},
            reasons=dict.fromkeys("instance_type instance_count volume_size spot max_run distribution network output".split(), text),
            notes=(text,),
        )

    with tempfile.TemporaryDirectory() as folder, mock.patch("migrate.generate.files.infer", found):
        made = generate(Path(folder), [entry_point()], project="demo")
    [content] = [file.content for file in made.files if file.path == "sagemaker_job/job.toml"]
    document = tomllib.loads(content.decode())
    [job] = document["job"].values()
    said = clean(text)
    assert document["region"] == said
    assert {key: job[key] for key in ("output", "checkpoints", "output_kms_key", "volume_kms_key", "tensorboard")} == dict.fromkeys(
        ("output", "checkpoints", "output_kms_key", "volume_kms_key", "tensorboard"), said
    )
    assert job["network"] == {"subnets": [said], "security_groups": [said, said], "isolation": True, "encrypt_traffic": True}
    assert job["channels"]["plain"] == said or text == "plain"
    assert job["channels"][clean(text or "x")]["source"] == said
    assert (job["mpi_options"], job["tags"]) == ([said], {said: said})


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXT)
@example(text="\x80\uffff")
@example(text="x\nResources: {}")
@example(text='"}\n${AWS::AccountId}')
def test_what_stands_around_the_job_parses_back(text: str) -> None:
    """Templates, policies, the pipeline and Terraform, for a project and channels of that name: the parts that a plain name has."""
    with tempfile.TemporaryDirectory() as folder:
        made, plain = (around(Path(folder), name) for name in (text, name_of(text)))
    assert set(made) == set(plain)
    for path, content in made.items():
        if path.endswith(".py"):
            assert dump(content) == dump(plain[path]), path
        if path.endswith(".yaml"):
            document, other = (read_template(file.decode()) for file in (content, plain[path]))
            assert shape(document) == shape(other), path
        if path.endswith(".tf"):
            assert (content.count(b"\nresource "), tf_errors(content)) == (plain[path].count(b"\nresource "), 0)


def around(root: Path, text: str) -> dict[str, bytes]:
    entry = entry_point(channels=(Channel("training", text, "train.py", 1, f"s3://{text}/x"),))
    return {file.path: file.content for file in generate(root, [entry], project=text, extras=EXTRAS).files}


def shape(value: object) -> object:
    """A template without its texts: which parts there are."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def tf_errors(content: bytes) -> int:
    return str(Parser(Language(tree_sitter_hcl.language())).parse(content).root_node).count("ERROR")


def test_what_job_toml_holds_is_what_is_sent(tmp_path: Path) -> None:
    """Environment, tags and locations of channels go through the launcher to the service as they stand."""
    texts = [clean(text).replace("\x00", "") for text in HOSTILE if len(text) < 200]
    environment = {f"V{number}": text for number, text in enumerate(texts)}
    channels = tuple(JobChannel(f"c{number}", "x", f"s3://some-bucket/{text}", True) for number, text in enumerate(texts[:12]))

    def found(entry: EntryPoint, **more: Any) -> Job:
        job = infer(entry, **more)
        return dataclasses.replace(
            job,
            environment={**job.environment, **environment},
            tags=dict(environment),
            channels=channels,
            hyperparameters=dict(environment),
        )

    with mock.patch("migrate.generate.files.infer", found):
        write(tmp_path, [entry_point()])
    words = [sys.executable, "sagemaker_job/launch_boto3.py", "--dry-run", *SENDABLE]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    request = json.loads(done.stdout)
    assert {name: request["Environment"][name] for name in environment} == environment
    assert {tag["Key"]: tag["Value"] for tag in request["Tags"] if tag["Key"] in environment} == environment
    assert {name: json.loads(request["HyperParameters"][name]) for name in environment} == environment
    sources = {channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request["InputDataConfig"]}
    assert sources == {channel.name: channel.source for channel in channels}


@pytest.mark.parametrize("text", HOSTILE)
def test_python_of_the_launchers_does_not_depend_on_the_repo(text: str, tmp_path: Path) -> None:
    """But for docstrings and the table of registries, the launchers are the same code for every repo."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = repo(str(tmp_path / "one"), text), repo(str(tmp_path / "two"), "plain")
    for path in ("sagemaker_job/launch.py", "sagemaker_job/launch_boto3.py"):
        assert dump(one[path]) == dump(two[path])


def dump(source: bytes) -> str:
    tree = ast.parse(source)
    return "\n".join(ast.dump(node) for node in tree.body[1:])


def test_templates_are_found() -> None:
    assert {path.name for path in templates().iterdir()} >= {"launch.py.j2", "job.toml.j2"}
