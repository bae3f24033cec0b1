"""``launch.py --local`` and ``launch_v2.py --local``, as they are generated, in the real engine: the SDKs' own local modes run the job."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.verify import launched
from tests.fixtures.harness import Machine, fixtures
from tests.fixtures.test_migrated import DONE, files, machine_in
from tests.generate.test_launchers import run
from tests.verify.repos import entry_point

[FIXTURE] = [each for each in fixtures() if each.name == "mnist_argparse"]


@pytest.fixture
def machine(image: str, tmp_path: Path) -> Iterator[Machine]:
    """A migrated fixture; the image of its job is the stand-in, under the official name, as the SDKs want it."""
    made = machine_in(tmp_path / "machine", FIXTURE)
    made.migrate("apply", ".", "--with", "v2", accept=DONE)
    subprocess.run(["docker", "tag", image, launched.image(made.repo, entry_point(path=FIXTURE.entry), 0).address], check=True)
    yield made
    told = subprocess.run(
        ["docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Mounts}}"], capture_output=True, text=True, check=True
    )
    ended = [line.split()[0] for line in told.stdout.splitlines() if str(tmp_path) in line]
    subprocess.run(["docker", "rm", "--force", *ended], check=True, stdout=subprocess.DEVNULL)


def local(machine: Machine, environment: str, launcher: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run(environment, machine.repo, f"sagemaker_job/{launcher}", "--local", *words, DOCKER_HOST=os.environ["DOCKER_HOST"])


@pytest.mark.parametrize(("environment", "launcher"), [("sdk3", "launch.py"), ("sdk2", "launch_v2.py")])
def test_the_job_trains_here(machine: Machine, environment: str, launcher: str, tmp_path: Path) -> None:
    before = set(files(machine))
    done = local(machine, environment, launcher, "--epochs", "1")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Test set: Average loss:" in done.stdout + done.stderr and "--epochs 1 " in done.stdout + done.stderr
    results = Path(done.stdout.splitlines()[-1].removeprefix("results: "))
    if launcher == "launch_v2.py":
        with tarfile.open(results / "model.tar.gz") as archive:
            archive.extractall(results / "artifacts" / "model", filter="data")
    assert [path.name for path in (results / "artifacts" / "model").iterdir()] == FIXTURE.expected["model"]
    assert {path for path in files(machine) if "__pycache__" not in path} == before  # v3 deletes folders of the place that it is run in


@pytest.mark.parametrize(("environment", "launcher"), [("sdk3", "launch.py"), ("sdk2", "launch_v2.py")])
def test_a_script_that_fails(machine: Machine, environment: str, launcher: str) -> None:
    done = local(machine, environment, launcher, "--batch-size", "0")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    assert "the run's files: " in done.stderr and "batch_size should be a positive integer" in done.stdout + done.stderr
    assert not any(line.startswith("Traceback") for line in done.stderr.splitlines())
