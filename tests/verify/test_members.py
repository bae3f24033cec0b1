"""Several hosts of one job, for real: in the sandbox, and in the tests' own Docker engine."""

from __future__ import annotations

import signal

import pytest

from migrate.errors import UserError
from migrate.verify import cli
from migrate.verify.model import Options
from tests.verify.repos import GOOD, HEAD, READ, SAVE, Repo, check, contract_run, entry_point, verdicts
from tests.verify.test_ending import DRIVER, WAIT, stopped

PLAIN = entry_point(settings=())
# Each host starts torchrun for itself, as SageMaker's own drivers do it: one process a host, over gloo.
TORCHRUN = HEAD + READ + SAVE + """
import socket, subprocess
told = json.load(open(os.path.join(os.environ.get("SM_INPUT_CONFIG_DIR"), "resourceconfig.json")))
hosts, me = told["hosts"], told["current_host"]
assert hosts == json.loads(os.environ["SM_HOSTS"]) == ["algo-1", "algo-2"], hosts
assert me == os.environ["SM_CURRENT_HOST"] == socket.gethostname(), me
assert os.listdir(os.environ["SM_MODEL_DIR"]) == ["model.json"]
words = ["--nnodes", "2", "--node_rank", str(hosts.index(me)), "--nproc_per_node", "1", "--master_addr", hosts[0], "--master_port", "29500"]
subprocess.run([sys.executable, "-m", "torch.distributed.run", *words, "worker.py"], check=True)
"""  # fmt: skip
WORKER = """
import os, socket
os.environ["GLOO_SOCKET_IFNAME"] = os.environ["SM_NETWORK_INTERFACE_NAME"]
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
value = torch.tensor([10.0 ** dist.get_rank()])
dist.all_reduce(value)
print("SUM", value.item(), "of", dist.get_world_size(), "at", socket.gethostname(), flush=True)
dist.destroy_process_group()
"""


def torchrun(repo: Repo, engine: str, image: str | None) -> None:
    repo.write({"worker.py": WORKER})
    for style in ("toolkit", "v3"):
        report = repo.verify(TORCHRUN, PLAIN, engine=engine, image=image, instances=2, styles=(style,), timeout=240.0)
        assert verdicts(report) == {}
        assert check(report, "members").message == "2 hosts ran together: algo-1, algo-2"
        assert "SUM 11.0 of 2 at algo-1" in contract_run(report).tail


def test_torchrun_in_the_sandbox(repo: Repo) -> None:
    torchrun(repo, "sandbox", None)


def test_torchrun_in_docker(repo: Repo, image: str) -> None:
    torchrun(repo, "docker", image)


def test_a_host_that_fails_ends_the_others(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on SageMaker; and each file system is its host's own."""
    monkeypatch.setattr("migrate.verify.members._GRACE", 0.5)
    fail = (
        "assert not os.path.exists('/data')\nos.makedirs('/data')\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2':\n    raise SystemExit('no good')\nimport threading\nthreading.Event().wait()\n"
    )
    report = repo.verify(GOOD + fail, PLAIN, engine="sandbox", instances=2)
    found = check(report, "members")
    assert found.verdict == "fail" and found.message == "2 of 2 hosts failed: SageMaker ends the job with the first"
    assert found.evidence[1].text == "algo-2: exit code 1: no good" and found.evidence[0].text.startswith("algo-1: ended by signal 15")
    assert not contract_run(report).timed_out and contract_run(report).seconds < 30


def test_ctrl_c_leaves_no_host_behind(repo: Repo) -> None:
    driver = DRIVER.replace("engine=sys.argv[3],", "engine=sys.argv[3], instances=2,").replace("entry_point()", "entry_point(settings=())")
    stopped(repo, GOOD + WAIT, driver, signal.SIGINT, "sandbox")


@pytest.mark.parametrize("engine", ["process", "sdk"])
def test_engines_that_run_one_host_alone(repo: Repo, engine: str) -> None:
    with pytest.raises(UserError, match="--instances 2 is for --engine sandbox and docker, without --drill"):
        cli.run(repo.root, [entry_point()], Options(engine=engine, instances=2))
