# ruff: noqa: E501 - texts stand on one line each
"""What a scan tells of the EC2 side."""

from __future__ import annotations

import io
import json

from rich.console import Console

from migrate.report.json import as_json
from migrate.report.text import show
from migrate.scan import Request, scan

TRAIN = "import torch\nmodel = torch.nn.Linear(2, 1)\nfor epoch in range(3):\n    model(torch.ones(2)).backward()\n    torch.optim.SGD(model.parameters(), 0.1).step()\n"


def test_the_launch_is_in_the_json_and_in_the_text(make) -> None:
    root = make(
        {
            "train.py": TRAIN,
            "run.sh": "aws ec2 run-instances --instance-type p3.2xlarge --region eu-west-1\nsource activate pt\nnohup python train.py --a 1 &\n",
            "more.sh": "aws ec2 run-instances --instance-type p2.xlarge\n",
        }
    )
    found = scan(Request(root), 1)
    launch = json.loads(as_json(found))["entry_points"][0]["launch"]
    assert launch["start"] == {
        "path": "run.sh",
        "line": 3,
        "arguments": ["--a", "1"],
        "complete": True,
        "folder": "",
        "launcher": ["python"],
        "processes": None,
        "nodes": None,
        "conda": "pt",
        "image": None,
        "detached": "nohup",
    }
    assert launch["contradictions"] == ["instance type: p2.xlarge (more.sh:1), p3.2xlarge (run.sh:1)"]
    console = Console(width=200, record=True, file=io.StringIO())
    show(found, console)
    text = console.export_text()
    assert "(run.sh:3, conda pt, nohup)" in text and "p2.xlarge, eu-west-1" in text and "p3.2xlarge (run.sh:1)" in text


def test_a_broken_file_is_told_and_the_rest_is_read(make) -> None:
    found = scan(Request(make({"train.py": TRAIN, "run.sh": "python train.py 'x\n", "a.tf": 'resource "aws_instance" "x" {\n'})), 1)
    assert len(found.entry_points) == 1
    assert [each.path for each in found.unreadable] == ["run.sh", "a.tf"]
    assert all(each.reason.startswith("line ") for each in found.unreadable)


def test_without_entry_points_nothing_is_told(make) -> None:
    assert scan(Request(make({"run.sh": "python train.py 'x\n"})), 1).unreadable == ()
