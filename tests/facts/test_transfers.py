"""What a script copies from S3 and to S3 itself, and what stands for it on SageMaker."""

from __future__ import annotations

import pytest

from migrate.facts.arguments import find_arguments
from migrate.facts.calls import table
from migrate.facts.habits.transfers import channel_sources, find_transfers, kept, source_of
from migrate.facts.paths import find_paths
from migrate.facts.redirects import Paths
from tests.facts.programs import program_of

DOWN, UP = False, True
COPIES = [
    ("os.system('aws s3 cp s3://b/x.csv data/')", DOWN, "s3://b/x.csv", "data/x.csv"),
    ("os.system('aws s3 cp s3://b/x.csv .')", DOWN, "s3://b/x.csv", "./x.csv"),
    ("os.system('aws --profile p s3 sync --exclude \"*.tmp\" s3://b/k data --region eu-west-1')", DOWN, "s3://b/k", "data"),
    ("os.system('aws s3 cp --recursive s3://b/k ./data/')", DOWN, "s3://b/k", "./data/"),
    ("subprocess.run(['s5cmd', 'cp', 'out', 's3://b/o/'])", UP, "s3://b/o/", "out"),
    ("os.system(f'aws s3 cp {here()} s3://b/o/')", UP, "s3://b/o/", "*"),
    ("os.system(f'aws s3 cp out {there()}')", UP, "*", "out"),
    ("boto3.client('s3').download_file('b', 'k/x.csv', 'x.csv')", DOWN, "s3://b/k/x.csv", "x.csv"),
    ("boto3.client('s3').download_file(Filename='x.csv', Key='k/x.csv', Bucket='b')", DOWN, "s3://b/k/x.csv", "x.csv"),
    ("boto3.client('s3').download_file('b', 'k/x.csv', Filename='x.csv')", DOWN, "s3://b/k/x.csv", "x.csv"),
    ("boto3.resource('s3').Bucket('b').upload_file('x', 'k')", UP, "s3://b/k", "x"),
    ("o = boto3.resource('s3').Object('b', 'k')\no.download_file('x')", DOWN, "s3://b/k", "x"),
    ("boto3.client('s3').upload_file(name(), 'b', key())", UP, "s3://b/*", "*"),
    ("fs = s3fs.S3FileSystem()\nfs.get('b/k', 'data')", DOWN, "s3://b/k", "data"),
    ("s3fs.S3FileSystem().put('out', 's3://b/o')", UP, "s3://b/o", "out"),
]


@pytest.mark.parametrize(("code", "up", "remote", "local"), COPIES)
def test_a_copy(code: str, up: bool, remote: str, local: str) -> None:
    program = program_of({"train.py": f"import os, subprocess, boto3, s3fs\n{code}\n"})
    found = find_transfers(program, find_arguments(program))
    assert [(t.up, t.remote, t.local) for t in found] == [(up, remote, local)]


@pytest.mark.parametrize(
    "code",
    [
        "os.system('aws s3 ls s3://b')",
        "os.system('aws s3 cp s3://a/x s3://b/x')",
        "os.system('aws s3 rm s3://a/x')",
        "os.system('cp a b')",
        "os.system('aws ec2 cp a s3://b')",
        "{}.get('a', 'b')",
        "drive.get('a', 'b')",
    ],
)
def test_no_copy(code: str) -> None:
    program = program_of({"train.py": f"import os, s3fs\n{code}\n"})
    assert find_transfers(program, find_arguments(program)) == []


@pytest.mark.parametrize(
    ("remote", "local", "root", "source"),
    [
        ("s3://b/k", "data", "data", "s3://b/k"),
        ("s3://b/k/", "data", "data/train", "s3://b/k/train"),
        ("s3://b/k/train.csv", "data/train.csv", "data", "s3://b/k"),
        ("s3://b/k/other.csv", "data/train.csv", "data", None),
        ("s3://b/*", "data/x", "data", None),
        ("s3://b/k", "*", "data", None),
    ],
)
def test_the_address_of_a_channels_folder(remote: str, local: str, root: str, source: str | None) -> None:
    assert source_of(remote, local, root) == source


def _sources(source: str) -> dict[str, str]:
    program = program_of({"train.py": source})
    arguments = find_arguments(program)
    return channel_sources(program, arguments, find_paths(program, arguments, table()))


READS = "import os, boto3\nimport pandas as pd\ns3 = boto3.client('s3')\n{}\npd.read_csv('data/a.csv'), pd.read_csv('data/b.csv')\n"


def test_a_channel_has_the_address_of_what_is_downloaded() -> None:
    assert _sources(READS.format("os.system('aws s3 sync s3://b/k data')")) == {"training": "s3://b/k"}
    both = "s3.download_file('b', 'k/a.csv', 'data/a.csv'); s3.download_file('b', 'k/b.csv', 'data/b.csv')"
    assert _sources(READS.format(both)) == {"training": "s3://b/k"}


def test_one_file_is_brought_alone_not_all_that_lies_beside_it() -> None:
    one = "import boto3\nimport pandas as pd\nboto3.client('s3').download_file('b', 'a.csv', 'data/a.csv')\npd.read_csv('data/a.csv')\n"
    assert _sources(one) == {"training": "s3://b/a.csv"}


def test_a_channel_from_several_places_has_no_address() -> None:
    both = "s3.download_file('b', 'k/a.csv', 'data/a.csv'); s3.download_file('c', 'k/b.csv', 'data/b.csv')"
    assert _sources(READS.format(both)) == {}


def test_a_migrated_script_tells_the_same_address() -> None:
    source = """\
import os
import pandas as pd
if "SM_CHANNEL_TRAINING" not in os.environ:
    os.system("aws s3 sync s3://b/k data")
pd.read_csv(os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "data"), "a.csv"))
"""
    assert _sources(source) == {"training": "s3://b/k"}


@pytest.mark.parametrize(("local", "expected"), [("out", True), ("out/m.pth", True), (".", True), ("logs", False), ("outer", False)])
def test_what_lies_where_sagemaker_keeps_it(local: str, expected: bool) -> None:
    source = f"import os\nimport torch\ntorch.save(x(), 'out/m.pth')\nos.system('aws s3 sync {local} s3://b/o')\n"
    program = program_of({"train.py": source})
    arguments = find_arguments(program)
    paths: Paths = find_paths(program, arguments, table())
    assert [kept(t, paths) for t in find_transfers(program, arguments)] == [expected]
