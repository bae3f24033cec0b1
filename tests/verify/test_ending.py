"""However verify ends, nothing of the run is left: no process, no scratch folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.conftest import left_running
from tests.verify.proofs.test_parity import forget, git
from tests.verify.repos import BOTH, GOOD, Repo

DRIVER = """
import sys
from pathlib import Path
from migrate.verify import cli
from migrate.verify.model import Options
from tests.verify.repos import entry_point
root, data = map(Path, sys.argv[1:3])
reports = cli.run(
    root,
    [entry_point()],
    Options(
        channels={"training": data},
        styles=("toolkit",),
        engine=sys.argv[3],
    ),
    tell=lambda entry, step, line: print(line, flush=True),
)
"""
WAIT = """
import subprocess, threading
stubborn = "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"
helper = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
print("waiting", flush=True)
threading.Event().wait()
"""
SAVE_OR_WAIT = """
path = os.path.join(os.environ["SM_CHECKPOINT_DIR"], "turn.txt")
if os.path.exists(path):
    exec(wait)
for turn in range(9):
    with open(path + ".tmp", "w") as file:
        file.write(str(turn))
    os.replace(path + ".tmp", path)
"""


def stopped(repo: Repo, script: str, driver: str, number: signal.Signals, engine: str) -> None:
    """Start verify, send it the signal once the script waits, and see that nothing is left."""
    repo.write({"train.py": script})
    scratch = repo.root.parent / "scratch"
    top = Path(__file__).parents[2]
    env = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(top)}
    with subprocess.Popen(
        [sys.executable, "-c", driver, str(repo.root), str(repo.data), engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=top,
    ) as verifier:
        assert verifier.stdout is not None
        assert any("waiting" in line for line in verifier.stdout)
        verifier.send_signal(number)
        _, told = verifier.communicate(timeout=60)
    assert verifier.returncode in (128 + number, -number), told
    assert left_running(scratch) == []
    assert list(scratch.iterdir()) == []
    assert not (repo.root / "sagemaker_job").exists()


@pytest.mark.parametrize(
    ("number", "engine"),
    [(signal.SIGINT, "process"), (signal.SIGTERM, "process"), (signal.SIGHUP, "process"), (signal.SIGINT, "sandbox")],
)
def test_a_signal_leaves_nothing_behind(repo: Repo, number: signal.Signals, engine: str) -> None:
    stopped(repo, GOOD + WAIT, DRIVER, number, engine)


@BOTH
def test_a_signal_leaves_nothing_of_a_drill(repo: Repo, engine: str) -> None:
    """Sent when the script was killed, and was started again."""
    driver = "from migrate.verify.drill.model import Wish\n" + DRIVER.replace("styles=", "drill=Wish(1, ('kill',)), styles=")
    stopped(repo, GOOD + f"wait = {WAIT!r}\n" + SAVE_OR_WAIT, driver, signal.SIGINT, engine)


@BOTH
def test_a_signal_leaves_nothing_of_a_comparison_with_the_original(repo: Repo, engine: str) -> None:
    """Sent when the contract run is over and the original waits, started as on EC2."""
    script = GOOD.replace("parser = ", f"wait = {WAIT!r}\nif 'SM_MODEL_DIR' not in os.environ:\n    exec(wait)\nparser = ", 1)
    repo.write({"train.py": script + "# before\n"})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    stopped(repo, script, DRIVER.replace("entry_point()", "entry_point(command='python train.py')"), signal.SIGINT, engine)
    forget(repo)


def test_a_good_run_leaves_no_scratch(repo: Repo, tmp_path: Path) -> None:
    report = repo.verify(GOOD)
    assert list((tmp_path / "scratch").iterdir()) == [] and {run.log for run in report.runs} == {None}


def test_a_failed_run_keeps_its_logs_alone(repo: Repo, tmp_path: Path) -> None:
    report = repo.verify(GOOD + "raise SystemExit(1)\n")
    files = sorted(str(path) for path in (tmp_path / "scratch").rglob("*") if path.is_file())
    assert files == sorted({str(run.log) for run in report.runs}) and len(files) == 2


@BOTH
def test_without_the_rights_of_root(repo: Repo, tmp_path: Path, engine: str) -> None:
    """Root may move and remove what is read-only; a person may not, and is no worse off."""
    repo.write({"train.py": GOOD})
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
    env = os.environ | {"TMPDIR": str(tmp_path / "scratch"), "PYTHONPATH": str(Path(__file__).parents[2])}
    both = DRIVER.replace('("toolkit",)', '("toolkit", "v3")') + "assert [r.exit_code for r in reports] == [0], reports\n"
    words = [*drop, sys.executable, "-c", both, str(repo.root), str(repo.data), engine]
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "scratch").iterdir()) == []
