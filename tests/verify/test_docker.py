"""The docker engine, for real: a Docker engine and an image of the tests' own. An image made of this Python stands in for SageMaker's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.verify import containers, launched
from migrate.verify.engine import choose
from migrate.verify.layout import Layout
from migrate.verify.model import Options, Report
from migrate.verify.pipeline import Verifier
from tests.verify.conftest import containers_left
from tests.verify.proofs.test_parity import AFTER, BEFORE, compared
from tests.verify.repos import GOOD, HEAD, Repo, check, contract_run, entry_point, lines, verdicts
from tests.verify.test_drill import LIGHT, drilled
from tests.verify.test_ending import DRIVER, WAIT


@pytest.fixture(autouse=True)
def nothing_left(image: str, tmp_path: Path) -> Iterator[None]:
    """No container and no network of a test may be there after it."""
    yield
    scratch = tmp_path / "scratch"
    assert containers_left(scratch) == []


@pytest.fixture
def tagged(image: str) -> str:
    """The stand-in under the official name of the job's image."""
    address = launched.image(Path("/nowhere"), entry_point(), 0).address
    assert ".dkr.ecr.us-east-1.amazonaws.com/pytorch-training:" in address
    subprocess.run(["docker", "tag", image, address], check=True)
    return address


PLAIN = entry_point(settings=())  # one start is enough where settings are not what is looked at


def verify(repo: Repo, script: str, image: str, entry: EntryPoint = PLAIN, **options: object) -> Report:
    return repo.verify(script, entry, engine="docker", image=image, **options)


def test_both_conventions(repo: Repo, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real /opt/ml, a machine of its own, and nothing of this one: least of all credentials."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-you")
    script = HEAD + (
        "import socket\n"
        "open('/opt/ml/input/data/training/rows.txt').read()\n"
        "open('/opt/ml/model/model.txt', 'w').write('x')\n"
        "json.load(open('/opt/ml/input/config/resourceconfig.json'))\n"
        f"seen = [path for path in ({str(repo.data)!r}, {str(repo.root)!r}) if os.path.exists(path)]\n"
        "secrets = [name for name, value in os.environ.items() if 'not-for-you' in value]\n"
        "free = os.statvfs('/dev/shm')\n"
        "assert free.f_blocks * free.f_frsize > 128 << 20, free\n"
        "print(seen, secrets, socket.gethostname(), os.getuid(), os.environ['HOME'], os.environ['SM_MODEL_DIR'], os.getcwd())\n"
    )
    report = verify(repo, script, image, entry_point(), styles=("toolkit", "v3"))
    assert verdicts(report) == {} and report.engine == "docker" and f"image {image}" in report.notes
    contracts = [run for run in report.runs if run.purpose == "contract"]
    told = "[] [] algo-1 0 /root /opt/ml/model"
    assert [run.tail[-1] for run in contracts] == [f"{told} /opt/ml/code", f"{told} /opt/ml/input/data/code"]
    assert {run.model_files for run in contracts} == {(("model.txt", 1),)}
    assert "(/usr/local/bin/python" in report.python and all(run.peak_memory > 1 << 20 for run in contracts)


def test_files_that_are_left_in_the_container_are_lost(repo: Repo, image: str) -> None:
    """In the container's own file system, in its home, beside the code; by Python, and by another program, which tells no line."""
    first, second = "open('/mnt/x.txt', 'w').write('xyz')", "open(os.path.expanduser('~/y.txt'), 'w').write('y')"
    script = (
        GOOD + f"{first}\n{second}\nos.makedirs('/data/deep')\nos.system('echo z > /data/deep/z.sh; rm /etc/group')\nopen('w.txt', 'w')\n"
    )
    report = verify(repo, script, image, dangerous=("train.py:19 writes /mnt/x.txt",))
    assert verdicts(report) == {"lost files": "fail"}
    assert {evidence.text: evidence.where for evidence in check(report, "lost files").evidence if evidence.sure} == {
        "/mnt/x.txt (3 bytes)": f"train.py:{lines(script, first)}",
        "~/y.txt (1 bytes)": f"train.py:{lines(script, second)}",
        "w.txt (0 bytes)": f"train.py:{len(script.splitlines())}",
    }
    assert [evidence.text for evidence in check(report, "lost files").evidence if not evidence.sure] == ["/data/deep/z.sh (2 bytes)"]


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_a_channel_cannot_be_written(repo: Repo, image: str, style: str) -> None:
    statement = 'open(os.path.join(args.data, "cache.bin"), "w")'
    script = GOOD + f"open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'train.py'), 'a')\n{statement}\n"
    report = verify(repo, script, image, styles=(style,))
    assert "Read-only file system" in check(report, "run").message
    found = check(report, "read-only channels")
    assert [(evidence.text, evidence.where) for evidence in found.evidence] == [
        ("input/data/training/cache.bin: refused, since a channel is read-only", f"train.py:{lines(script, statement)}")
    ]


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server on this machine, which a container comes to by the way out of its network."""
    with socket.create_server(("0.0.0.0", 0)) as listening:
        thread = threading.Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        port = int(listening.getsockname()[1])
        yield port
        with socket.create_connection(("127.0.0.1", port), 5):  # where no container has come
            pass
        thread.join()


@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_refused_or_allowed(repo: Repo, image: str, server: int, network: bool) -> None:
    call = (
        "import socket\n"
        "rows = [row.split() for row in open('/proc/net/route').read().splitlines()[1:]]\n"
        "gateway = next((row[2] for row in rows if row[1] == '00000000'), '')\n"
        "assert gateway, 'no way out'\n"
        f"socket.create_connection((socket.inet_ntoa(bytes.fromhex(gateway)[::-1]), {server}), 5).close()\n"
    )
    report = verify(repo, GOOD + call, image, network=network)
    assert check(report, "run").verdict == ("pass" if network else "fail")
    assert any("the network" in text for text in (report.does_not if network else report.isolates))


def test_too_much_memory_is_told(repo: Repo, image: str) -> None:
    script = GOOD + "held = bytearray(b'x') * (300 << 20)\n"
    assert verdicts(verify(repo, script, image, memory=600 << 20)) == {}
    report = verify(repo, script, image, memory=128 << 20)
    assert check(report, "run").message == "had more than 0.125 GiB of memory, and was killed as the instance would kill it"


def test_how_it_ends_is_told(repo: Repo, image: str) -> None:
    assert contract_run(verify(repo, GOOD + "raise SystemExit(3)\n", image)).exit_code == 3
    killed = contract_run(verify(repo, GOOD + "os.kill(os.getpid(), 9)\n", image))
    assert (killed.exit_code, killed.signal) == (None, 9)
    outlives = "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    assert [evidence.text for evidence in check(verify(repo, GOOD + outlives, image), "processes").evidence] == ["sleep 600"]


def test_the_time_limit(repo: Repo, image: str) -> None:
    script = GOOD + "import signal\nsignal.signal(15, signal.SIG_IGN)\nprint('waiting', flush=True)\nsignal.pause()\n"
    run = contract_run(verify(repo, script, image, timeout=4.0))
    assert run.timed_out and run.tail[-1] == "waiting"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_nothing_behind(repo: Repo, image: str, number: signal.Signals) -> None:
    """SIGKILL leaves verify itself no moment to end anything."""
    repo.write({"train.py": GOOD + WAIT})
    scratch, top = repo.root.parent / "scratch", Path(__file__).parents[2]
    env = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(top)}
    driver = DRIVER.replace("engine=sys.argv[3],", "engine=sys.argv[3], image=sys.argv[4],")
    words = [sys.executable, "-c", driver, str(repo.root), str(repo.data), "docker", image]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, cwd=top) as verifier:
        assert verifier.stdout is not None and any("waiting" in line for line in verifier.stdout)
        there = containers_left(scratch)
        verifier.send_signal(number)
    assert len(there) == 1
    until = time.monotonic() + 30
    while containers_left(scratch) and time.monotonic() < until:
        time.sleep(0.1)
    assert containers_left(scratch) == []


def test_the_drill(repo: Repo, image: str) -> None:
    report, _ = drilled(repo, LIGHT, "term", "kill", "save", engine="docker", image=image)
    assert verdicts(report) == {} and report.drill is not None
    assert [way.result for way in report.drill.ways] == ["same"] * 3


@pytest.mark.parametrize("ending", ["", "os.kill(os.getppid(), 9)\n"])
def test_files_are_the_users_own(repo: Repo, image: str, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Root's in the container, and given away at the end; also where the supervisor is killed, so that it cannot."""
    monkeypatch.setattr(containers, "owner", lambda: [1234, 2345])
    repo.write({"train.py": GOOD + "open('/tmp/x', 'w').close()\nprint(os.stat('/opt/ml/model').st_uid, flush=True)\n"})
    verifier = Verifier(repo.root, entry_point(), Options(channels={"training": repo.data}, engine="docker", image=image))
    place = Layout(verifier.scratch / "toolkit", "toolkit")
    verifier.fill(place)
    monkeypatch.setattr("migrate.verify.docker.Janitor.out_of_memory", lambda janitor: False)
    if ending:
        kill_when_told(monkeypatch, verifier)
    seen = verifier.start(place, {}, stop=False, timeout=60)
    found = {path: path.stat() for path in (place.model / "model.json", place.temporary / "x", place.watch / "events.jsonl")}
    assert {(stat.st_uid, stat.st_gid) for stat in found.values()} == {(1234, 2345)}, seen.run.tail


def kill_when_told(monkeypatch: pytest.MonkeyPatch, verifier: Verifier) -> None:
    """Kill the container as soon as the script prints its last line, and before its supervisor can do anything."""
    (verifier.root / "train.py").write_text((verifier.root / "train.py").read_text() + "import signal\nsignal.pause()\n")

    scratch = verifier.scratch.parent

    def kill(line: str) -> None:
        subprocess.run(["docker", "kill", *containers_left(scratch)], check=True, stdout=subprocess.DEVNULL)

    object.__setattr__(verifier.options, "on_line", kill)


def test_the_jobs_own_image(repo: Repo, tagged: str) -> None:
    """The official one, as the scan infers it; then as job.toml says it, for a region of its own."""
    report = repo.verify(GOOD, PLAIN, engine="docker")
    assert verdicts(report) == {} and f"image {tagged}" in report.notes
    job = 'region = "cn-north-1"\n[job.train]\nentry = "train.py"\nimage = "pytorch-training:2.1.0-{processor}-py310"\n'
    repo.write({"sagemaker_job/job.toml": job})
    with pytest.raises(UserError) as caught:
        repo.verify(GOOD, PLAIN, engine="docker")
    registry = "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"
    assert str(caught.value).startswith(f"no image {registry}/pytorch-training:2.1.0-cpu-py310 here, and it cannot be had: ")
    assert f"aws ecr get-login-password --region cn-north-1 | docker login --username AWS --password-stdin {registry}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_that_is_built(repo: Repo, tagged: str) -> None:
    """The generated Dockerfile, on the official image; pip finds there what is asked for."""
    job = '[job.train]\nentry = "train.py"\nimage = "{}"\nrequirements = "sagemaker_job/requirements.txt"\n'
    docker = (
        f"FROM {tagged}\nCOPY sagemaker_job/requirements.txt /tmp/requirements.txt\nRUN python -m pip install -r /tmp/requirements.txt\n"
    )
    repo.write(
        {
            "sagemaker_job/job.toml": job.format(tagged.partition("/")[2]),
            "sagemaker_job/requirements.txt": "numpy\n",
            "sagemaker_job/Dockerfile": docker + "ENV MADE=here\n",
        }
    )
    report = repo.verify(GOOD + "print(os.environ['MADE'])\n", PLAIN, engine="docker")
    assert verdicts(report) == {} and contract_run(report).tail[-1] == "here"
    assert "image sagemaker_job/Dockerfile, built here" in report.notes
    repo.write({"sagemaker_job/Dockerfile": docker + "RUN exit 7\n"})
    with pytest.raises(UserError, match="sagemaker_job/Dockerfile cannot be built: docker build: .* non-zero code: 7"):
        repo.verify(GOOD, PLAIN, engine="docker")


def test_an_image_that_there_is_not(repo: Repo) -> None:
    with pytest.raises(UserError, match="no image nobody/nothing:1 here, and it cannot be had: .*; --image NAME takes another one"):
        verify(repo, GOOD, "nobody/nothing:1")


def test_an_image_without_python(repo: Repo, image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nENV PATH=/bin\n")
    subprocess.run(["docker", "build", "--quiet", "--tag", "migrate-tests:bare", str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    with pytest.raises(UserError, match="the image has no Python that runs"):
        verify(repo, GOOD, "migrate-tests:bare")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (None, "docker is not installed (https://docs.docker.com/engine/install/; Debian: apt install docker.io)"),
        (
            "Cannot connect to the Docker daemon. Is the docker daemon running?",
            "Docker does not run (Cannot connect to the Docker daemon. Is the docker daemon running?): sudo systemctl start docker, or ",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket",
            "this user may not talk to Docker (permission denied while trying to connect to the Docker daemon socket): sudo usermod ",
        ),
    ],
)
def test_where_docker_cannot_be_had(tmp_path: Path, says: str | None, told: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if says:
        (folder / "docker").write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
        (folder / "docker").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        with pytest.raises(UserError) as caught:
            choose("docker", image=lambda: pytest.fail("asked for an image"))
    assert str(caught.value).startswith(f"engine docker cannot run here: {told}") and "\n" not in str(caught.value)


def test_paths_that_need_quoting(repo: Repo, image: str, tmp_path: Path) -> None:
    data = tmp_path / 'da,ta: "1"'
    data.mkdir()
    (data / "rows.txt").write_text("1\n")
    report = verify(repo, GOOD, image, channels={"training": data})
    assert verdicts(report) == {} and json.dumps(report.notes)


def test_the_original_runs_in_the_image_too(repo: Repo, image: str) -> None:
    report = compared(repo, BEFORE, AFTER, engine="docker", image=image)
    assert verdicts(report) == {} and check(report, "EC2 parity").verdict == "pass"


ROOTLESS = '{"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"], "CgroupDriver": "none", "MemoryLimit": false}'


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A ``docker`` whose words a test writes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    containers._information.cache_clear()
    yield folder / "docker"
    containers._information.cache_clear()


def said(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_rootless_docker(stand_in: Path) -> None:
    """As Docker 20.10 without cgroups says it: files are the user's own already, and memory is the whole machine's in there."""
    said(stand_in, f"echo '{ROOTLESS}'")
    assert containers.owner() is None and not containers.counts_memory()


def test_what_the_daemon_says_is_told_in_full(stand_in: Path) -> None:
    lines = ("docker: Error response from daemon: cannot mount", ": exit status 1.", "See 'docker run --help'.")
    said(stand_in, "\n".join(f'echo "{line}" >&2' for line in lines) + "\nexit 125")
    with pytest.raises(UserError) as caught:
        containers.docker("run", "x")
    assert str(caught.value) == "docker run: Error response from daemon: cannot mount : exit status 1."


def test_a_docker_that_does_not_answer(stand_in: Path) -> None:
    said(stand_in, "exec cat /dev/zero > /dev/null")
    with pytest.raises(UserError, match="docker run has not come to its end within 0.2 s"):
        containers.docker("run", "x", timeout=0.2)
