"""Rungs that look at what one run has printed, saved and asked for: metrics, model, network."""

from __future__ import annotations

import pytest

from migrate.job.model import MetricDefinition
from migrate.verify.model import Run
from migrate.verify.proofs import metrics
from tests.verify.repos import BOTH, GOOD, Repo, check, contract_run, entry_point, lines, verdicts

PRINTS = GOOD + "for epoch in range(args.epochs):\n    print(f'epoch {epoch} loss: {1 / (epoch + 1):.3f}', flush=True)\n"
JOB = """
[job.train]
entry = "train.py"

[job.train.channels]
training = "s3://bucket/training"

[job.train.hyperparameters]
epochs = 3

[job.train.metrics]
loss = {}
"""


def with_metric(repo: Repo, expression: str, more: str = "") -> None:
    repo.write({"sagemaker_job/job.toml": JOB.format(expression) + more})


@BOTH
def test_a_metric_finds_its_values(repo: Repo, engine: str) -> None:
    with_metric(repo, "'loss: ([0-9.]+)'")
    report = repo.verify(PRINTS, engine=engine)
    assert verdicts(report) == {}
    assert check(report, "metrics").message == "loss: 3 values, 1.000 to 0.333"


def test_a_metric_that_matches_nothing(repo: Repo) -> None:
    with_metric(repo, "'accuracy: ([0-9.]+)'", "epoch = 'epoch ([0-9]+)'\n")
    report = repo.verify(PRINTS)
    assert verdicts(report) == {"metrics": "fail"}
    found = check(report, "metrics")
    assert [(item.text, item.where) for item in found.evidence] == [
        ("loss: 'accuracy: ([0-9.]+)' matches nothing that was printed", "sagemaker_job/job.toml"),
        ("epoch: 3 values, 0 to 2", None),
    ]


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("'loss: [0-9.]+'", "has no group"),
        ("'loss: ('", "is no regular expression"),
        ("'(epoch) .*loss'", "'epoch' is no number"),
    ],
)
def test_a_metric_that_cannot_have_a_value(repo: Repo, expression: str, fault: str) -> None:
    with_metric(repo, expression)
    found = check(repo.verify(PRINTS), "metrics")
    assert found.verdict == "fail" and any(fault in item.text for item in found.evidence), found


def test_a_metric_that_a_short_run_does_not_reach(repo: Repo) -> None:
    with_metric(repo, "'accuracy: ([0-9.]+)'")
    report = repo.verify(PRINTS, quick=True)
    assert verdicts(report) == {"metrics": "note"} and "in this short run" in check(report, "metrics").message


def test_a_metric_whose_print_was_not_reached(repo: Repo) -> None:
    """It comes from the script itself: under another subcommand it has values."""
    with_metric(repo, "'accuracy: ([0-9.]+)'")
    entry = entry_point(metrics=(MetricDefinition("loss", "accuracy: ([0-9.]+)", "accuracy: 0.5", "train.py", 20),))
    found = check(repo.verify(PRINTS, entry), "metrics")
    assert found.verdict == "note" and [item.where for item in found.evidence] == ["train.py:20"]


def test_metrics_of_a_run_that_failed(repo: Repo) -> None:
    with_metric(repo, "'accuracy: ([0-9.]+)'")
    assert check(repo.verify(PRINTS + "sys.exit(3)\n"), "metrics").verdict == "not run"


def test_without_definitions_nothing_is_told() -> None:
    run = Run("toolkit", "contract", (), {}, 0, None, False, 1.0, 0, 0, (), log="/none")
    assert metrics.check(run, {}, {}) is None


def test_the_archives_are_told_with_their_size(repo: Repo) -> None:
    more = 'open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "log.txt"), "w").write("x" * 1000)\n'
    words = check(repo.verify(GOOD + more), "model").message.split("; ")
    assert words[0] == "1 file, 24 bytes in the model folder"
    assert words[1].startswith("model.tar.gz: ") and 80 < int(words[1].split()[1]) < 400
    assert words[2].startswith("output.tar.gz: 1 file, ")


CALL = "import socket\ntry:\n    socket.getaddrinfo('weights.example', 80)\nexcept OSError:\n    pass\n"


@BOTH
def test_a_network_call(repo: Repo, engine: str) -> None:
    report = repo.verify(GOOD + CALL, engine=engine)
    assert verdicts(report) == {"network": "note"} and report.exit_code == 0
    where = f"train.py:{lines(GOOD + CALL, 'getaddrinfo')}"
    assert [(item.text, item.where) for item in check(report, "network").evidence] == [("asked the network for weights.example", where)]


def test_a_network_call_of_an_isolated_job(repo: Repo) -> None:
    repo.write(
        {
            "sagemaker_job/job.toml": JOB.format("'loss: (.*)'").replace(
                "\n[job.train.c", "\n[job.train.network]\nisolation = true\n\n[job.train.c", 1
            )
        }
    )
    report = repo.verify(PRINTS + CALL)
    assert verdicts(report) == {"network": "fail"} and contract_run(report).exit_code == 0
