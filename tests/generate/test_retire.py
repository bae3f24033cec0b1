"""What can go on EC2, from a repository with all of it: told by place, the same a second time, and nothing where there is nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from migrate.generate.retire import MOST_PLACES, retired
from migrate.repo.ec2.model import Ec2Side, Fact, Habit, Machine
from tests.generate.small import entry_point

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """\
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
args = parser.parse_args()
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(args.epochs):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""
SHELL = """\
#!/bin/bash
sudo mount -t nfs4 fs-01234567.efs.us-east-1.amazonaws.com:/ /mnt/efs
aws s3 sync s3://data/train /home/ubuntu/data
nohup python train.py --epochs 5
aws s3 cp model.pt s3://results/
curl -X POST -d done https://hooks.slack.com/services/$HOOK
sudo shutdown -h now
"""
START = "aws ec2 run-instances --image-id ami-01234567 --instance-type p3.2xlarge --user-data file://run.sh\n"


def section(root: Path) -> list[str]:
    command = [sys.executable, "-m", "migrate", "apply", "--force", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    page = (root / "sagemaker_job" / "MIGRATION.md").read_text()
    return [line for line in page.partition("## What can go on EC2")[2].partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]


def test_a_whole_set_up(tmp_path: Path) -> None:
    for name, text in {"train.py": SCRIPT, "run.sh": SHELL, "start.sh": START, "crontab": "0 3 * * 1 ubuntu /home/ubuntu/run.sh\n"}.items():
        (tmp_path / name).write_text(text)
    told = section(tmp_path)
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in told}
    assert "`start.sh:1`" in rows["instances, launch templates and spot requests"]
    assert "`run.sh:7`" in rows["shutting the machine down, or ending it"]
    assert "`run.sh:6`" in rows["messages about the training"]
    assert "`run.sh:4`" in rows["nohup, tmux, screen"]
    assert "`run.sh:3`" in rows["copying data in and results out"]
    assert "`run.sh:2`" in rows["mounting file systems (the file systems themselves stay)"]
    assert section(tmp_path) == told


def test_nothing_of_ec2_no_section(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    assert section(tmp_path) == []


def test_scripts_have_no_line_and_many_places_are_counted() -> None:
    habits = tuple(Habit("slack", "x", f"{number}.sh", number) for number in range(1, MOST_PLACES + 3))
    side = Ec2Side(machines=(Machine("boto3", "train.py", 7, ami=Fact("ami-1", "train.py", 7)),), habits=habits)
    machine, image, message = retired([entry_point(ec2=side), entry_point(ec2=side)])
    assert machine.places == image.places == ("train.py",)
    assert (len(message.places), message.more) == (MOST_PLACES, 2)
