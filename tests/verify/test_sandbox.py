"""The sandbox engine, for real: what it keeps apart, what it shows of the machine, what is said where it cannot be had.

A machine without bubblewrap fails these tests: CI installs it.
"""

from __future__ import annotations

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
from migrate.verify import sandbox
from migrate.verify.engine import choose
from migrate.verify.model import Report
from tests.verify.conftest import left_running
from tests.verify.repos import GOOD, HEAD, READ, SAVE, Repo, check, contract_run, lines, verdicts
from tests.verify.test_drill import LIGHT, drilled, edited
from tests.verify.test_ending import DRIVER, WAIT


def verify(repo: Repo, script: str, **options: object) -> Report:
    return repo.verify(script, engine="sandbox", **options)


def test_a_literal_opt_ml_works(repo: Repo) -> None:
    script = HEAD + (
        "assert os.environ['SM_MODEL_DIR'] == '/opt/ml/model' and os.environ['HOME'] == '/root' and os.environ['TMPDIR'] == '/tmp'\n"
        "open('/opt/ml/input/data/training/rows.txt').read()\n"
        "open('/opt/ml/model/model.txt', 'w').write('x')\n"
        "json.load(open('/opt/ml/input/config/hyperparameters.json'))\n"
        "print('CWD', os.getcwd())\n"
    )
    report = verify(repo, script, styles=("toolkit", "v3"))
    assert verdicts(report) == {} and "literal /opt/ml" not in {item.name for item in report.checks}
    contracts = [run for run in report.runs if run.purpose == "contract"]
    assert [run.tail[-1] for run in contracts] == ["CWD /opt/ml/code", "CWD /opt/ml/input/data/code"]
    assert {run.model_files for run in contracts} == {(("model.txt", 1),)}


def test_the_machine_is_out_of_sight(repo: Repo, tmp_path: Path) -> None:
    """Nothing of the machine but its system and the packages; a name, processes and users of its own."""
    (tmp_path / "mine.txt").write_text("mine\n")
    script = GOOD + (
        "import socket\n"
        f"seen = [path for path in ({str(tmp_path / 'mine.txt')!r}, {str(repo.data)!r}, {str(repo.root)!r}) if os.path.exists(path)]\n"
        "pids = [name for name in os.listdir('/proc/') if name.isdigit()]\n"
        "print(seen, socket.gethostname(), socket.gethostbyname('algo-1'), len(pids), os.getuid(), os.listdir('/home/'))\n"
    )
    assert contract_run(verify(repo, script)).tail[-1] == "[] algo-1 127.0.0.1 2 0 []"


def test_the_system_cannot_be_changed(repo: Repo) -> None:
    report = verify(repo, GOOD + "open('/etc/profile.d/mine.sh', 'w')\n")
    assert "Read-only file system" in check(report, "run").message and not Path("/etc/profile.d/mine.sh").exists()


PLACES = ("/home/ubuntu/out/x.txt", "/mnt/x.txt", "/var/log/train/x.txt", "/data/x.txt")


@pytest.mark.parametrize("path", PLACES)
def test_a_file_at_an_ec2_path_is_lost(repo: Repo, path: str) -> None:
    """By Python and by another program; and the machine itself has nothing of it. Reading it again is no use of EC2's paths."""
    statement = f"open({path!r}, 'w').write('x')"
    script = (
        GOOD
        + f"os.makedirs({os.path.dirname(path)!r}, exist_ok=True)\n{statement}\nopen({path!r}).read()\nos.system('echo y > {path}.sh')\n"
    )
    report = verify(repo, script, dangerous=(f"train.py:20 writes {path}",))
    found = check(report, "lost files")
    assert [(evidence.text, evidence.sure) for evidence in found.evidence] == [(f"{path} (1 bytes)", True), (f"{path}.sh (2 bytes)", False)]
    assert found.evidence[0].where == f"train.py:{lines(script, statement)}"
    assert verdicts(report) == {"lost files": "fail"} and not Path(path).exists()


def test_torch_writes_to_an_ec2_path(repo: Repo) -> None:
    statement = "torch.save({'w': torch.zeros(3)}, '/mnt/model.pth')"
    script = HEAD + READ + "import torch\n" + SAVE + statement + "\n"
    found = check(verify(repo, script), "lost files")
    assert [(evidence.text.split(" ")[0], evidence.where) for evidence in found.evidence] == [
        ("/mnt/model.pth", f"train.py:{lines(script, statement)}")
    ]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("open('/home/ubuntu/x.txt', 'w')", "writes /home/ubuntu/x.txt, whose folder a container does not have"),
        ("open('/data/table.csv')", "reads /data/table.csv, which a container does not have"),
    ],
)
def test_an_ec2_path_that_is_not_there(repo: Repo, statement: str, told: str) -> None:
    script = GOOD + statement + "\n"
    report = verify(repo, script)
    assert check(report, "run").message.startswith("exit code 1: FileNotFoundError")
    assert [(item.text, item.where) for item in check(report, "EC2 paths").evidence] == [(told, f"train.py:{lines(script, statement)}")]


def test_each_start_has_an_empty_machine(repo: Repo) -> None:
    """What the settings run or the other convention leaves is not there in the next."""
    leave = "assert not os.path.exists('/data') and not os.path.exists('/tmp/x')\nos.makedirs('/data')\nos.makedirs('/tmp/x')\n"
    report = verify(repo, HEAD.replace("parser = ", leave + "parser = ") + READ + SAVE, styles=("toolkit", "v3"))
    assert verdicts(report) == {} and len(report.runs) == 4


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_a_channel_cannot_be_written(repo: Repo, style: str) -> None:
    statement = 'open(os.path.join(args.data, "cache.bin"), "w")'
    script = GOOD + f"try:\n    os.chmod(args.data, 0o755)\nexcept OSError:\n    pass\n{statement}\n"
    report = verify(repo, script, styles=(style,))
    assert "Read-only file system" in check(report, "run").message
    found = check(report, "read-only channels")
    assert [(evidence.text, evidence.where) for evidence in found.evidence] == [
        ("input/data/training/cache.bin: refused, since a channel is read-only", f"train.py:{lines(script, statement)}"),
        ("input/data/training: its mode or owner is changed, but a channel is read-only", f"train.py:{lines(script, 'os.chmod')}"),
    ]


def test_a_large_channel_is_not_copied(repo: Repo) -> None:
    assert verdicts(verify(repo, GOOD, copy_limit=3, styles=("toolkit", "v3"))) == {}


def test_a_channel_with_links_holds_what_they_lead_to(repo: Repo, tmp_path: Path) -> None:
    """As what is uploaded does."""
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "rows.txt").symlink_to(repo.data / "rows.txt")
    assert verdicts(verify(repo, GOOD, channels={"training": linked}, styles=("toolkit", "v3"))) == {}
    assert verdicts(verify(repo, GOOD, channels={"training": repo.data / "rows.txt"})) == {}


def test_too_much_memory_is_told(repo: Repo) -> None:
    """Of all processes together; what they share counts once."""
    script = GOOD + (
        "held = bytearray(b'x') * (150 << 20)\nif os.fork():\n    os.wait()\nelse:\n    import threading\n    threading.Event().wait(1)\n"
    )
    assert verdicts(verify(repo, script, memory=250 << 20)) == {}
    report = verify(repo, script, memory=100 << 20)
    assert check(report, "run").message == "had more than 0.0977 GiB of memory, and was killed as the instance would kill it"


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server on this machine's own localhost."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        port = int(listening.getsockname()[1])
        yield port
        with socket.create_connection(("127.0.0.1", port), 5):  # where the run has not come
            pass
        thread.join()


@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_refused_or_allowed(repo: Repo, server: int, network: bool) -> None:
    """This machine's localhost stands for all of it: a sandbox without the network has one of its own."""
    script = (
        GOOD
        + f"import socket\nif '--lr' in sys.argv and args.lr == 0.1:\n    socket.create_connection(('127.0.0.1', {server}), 5).close()\n"
    )
    report = verify(repo, script, network=network)
    assert verdicts(report) == ({} if network else {"run": "fail"})
    assert any("the network" in text for text in (report.does_not if network else report.isolates))
    assert not any("the network" in text for text in (report.isolates if network else report.does_not))


def test_the_runs_own_localhost_works(repo: Repo) -> None:
    talk = "with socket.create_server(('', 0)) as own:\n    socket.create_connection(('algo-1', own.getsockname()[1]), 5).close()\n"
    assert verdicts(verify(repo, GOOD + "import socket\n" + talk)) == {}


def test_a_download_is_told_with_what_to_do(repo: Repo) -> None:
    statement = "urllib.request.urlopen('http://weights.example/model.pth')"
    script = GOOD + "import urllib.request\n" + statement + "\n"
    report = verify(repo, script)
    assert "--network gives it" in str(check(report, "run").advice)
    assert [(evidence.text, evidence.where) for evidence in check(report, "network").evidence] == [
        ("asked the network for weights.example", f"train.py:{lines(script, statement)}")
    ]


def test_the_python_of_the_run_is_the_one_that_programs_find(repo: Repo) -> None:
    report = verify(
        repo, GOOD + "import subprocess\nprint(subprocess.check_output(['python', '-c', 'import sys; print(sys.prefix)'], text=True))\n"
    )
    assert contract_run(report).tail[-1] == sys.prefix


def test_a_python_that_starts_another_one(repo: Repo, tmp_path: Path) -> None:
    """As pyenv's do: the one that is named is out of sight in the sandbox."""
    shim = tmp_path / "python"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    report = verify(repo, GOOD, python=str(shim))
    assert verdicts(report) == {} and sys.executable in report.python


def test_a_signal_is_told_as_one(repo: Repo) -> None:
    run = contract_run(verify(repo, GOOD + "os.kill(os.getpid(), 9)\n"))
    assert (run.exit_code, run.signal) == (None, 9)


def test_the_drill(repo: Repo) -> None:
    """Interrupted in each way, with nothing but the checkpoint folder for the next start."""
    leave = "assert not os.path.exists('/data')\nos.makedirs('/data')\n"
    script = edited(LIGHT, ("while epoch", leave + "while epoch"))
    report, _ = drilled(repo, script, "term", "kill", "save", "twice", engine="sandbox")
    assert verdicts(report) == {} and report.drill is not None
    assert [way.result for way in report.drill.ways] == ["same"] * 4


def test_nothing_is_left_where_verify_itself_is_killed(repo: Repo) -> None:
    """SIGKILL leaves it no moment to end anything: the kernel does."""
    repo.write({"train.py": GOOD + WAIT})
    scratch, top = repo.root.parent / "scratch", Path(__file__).parents[2]
    env = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(top)}
    words = [sys.executable, "-c", DRIVER, str(repo.root), str(repo.data), "sandbox"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env, cwd=top) as verifier:
        assert verifier.stdout is not None and any("waiting" in line for line in verifier.stdout)
        assert left_running(scratch) != []
        verifier.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while left_running(scratch) and time.monotonic() < until:
        time.sleep(0.02)
    assert left_running(scratch) == []


def test_it_is_the_engine_where_none_is_asked_for(repo: Repo) -> None:
    report = repo.verify(GOOD, engine=None)
    assert (report.engine, report.why) == ("sandbox", "bubblewrap works here")
    assert repo.verify(GOOD, engine="process").why == "asked for"


@pytest.fixture
def without(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose bubblewrap is not there, or says what the parameter says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if request.param:
        (folder / "bwrap").write_text(f"#!/bin/sh\necho 'bwrap: {request.param}' >&2\nexit 1\n")
        (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    sandbox.unavailable.cache_clear()
    yield
    sandbox.unavailable.cache_clear()


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ("", "bubblewrap is not installed (apt install bubblewrap, dnf install bubblewrap)"),
        ("setting up uid map: Permission denied", "its namespaces are not permitted (bwrap: setting up uid map: Permission denied): set "),
    ],
    indirect=["without"],
)
@pytest.mark.usefixtures("without")
def test_where_it_cannot_be_had(told: str) -> None:
    engine, why = choose(None)
    assert engine.name == "process" and why.startswith(f"no sandbox: {told}")
    with pytest.raises(UserError) as caught:
        choose("sandbox")
    assert str(caught.value).startswith(f"engine sandbox cannot run here: {told}") and "\n" not in str(caught.value)


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(UserError, match="no engine 'vm'; there is: process, sandbox, docker"):
        choose("vm")


def test_what_hides_the_runs_own_folders_is_not_shown(tmp_path: Path) -> None:
    shown = ["/", "/opt", "/root", "/tmp", "/usr/lib", "/nowhere/at/all", str(tmp_path), str(tmp_path / "x")]
    (tmp_path / "x").mkdir()
    assert sandbox.SandboxEngine(shown=shown).shown == (str(tmp_path),)


@pytest.mark.parametrize("path", ["/usr/share/weights.bin", "/etc/train.conf", "/usr/local/lib/no/such/cache.bin"])
def test_a_write_into_the_images_own_folders(repo: Repo, path: str) -> None:
    statement = f"open({path!r}, 'w')"
    script = GOOD + f"try:\n    {statement}\nexcept OSError as error:\n    print(error)\n"
    report = verify(repo, script)
    assert verdicts(report) == {"system folders": "fail"}
    [item] = check(report, "system folders").evidence
    assert item.text.startswith(path) and item.where == f"train.py:{lines(script, statement)}"


def test_what_libraries_cache_beside_themselves_is_no_result(repo: Repo) -> None:
    quiet = "try:\n    open('/usr/lib/python3/__pycache__/a.nbi', 'w')\nexcept OSError:\n    pass\n"
    assert verdicts(verify(repo, GOOD + quiet)) == {}
