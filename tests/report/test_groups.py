"""What has one cause is told once; nothing is left out, and programs get every finding."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from migrate.facts.model import Place, Span
from migrate.report.groups import MOST_TOLD, grouped
from migrate.report.json import as_json
from migrate.report.text import show
from migrate.rules.model import Finding
from migrate.scan import Request, scan


def finding(line: int, message: str, path: str = "train.py", fix: str = "safe") -> Finding:
    return Finding("SM201", "boolean-flag", Place(path, Span(line, 0, line, 1)), "error", message, fix)


def test_the_same_of_another_option_is_one_group() -> None:
    told = grouped([finding(3, "--a takes no value"), finding(5, "--b takes no value"), finding(9, "--c takes no value")])
    assert [(group.first.message, group.same) for group in told] == [("--a takes no value", "--b (line 5), --c (9)")]


def test_the_same_in_another_line_is_one_group() -> None:
    told = grouped([finding(3, "it is lost"), finding(5, "it is lost"), finding(9, "it is lost")])
    assert [(group.first.place.span.line, group.same) for group in told] == [(3, "line 5, 9")]


def test_what_differs_in_more_stays_apart_in_its_order() -> None:
    findings = [
        finding(3, "--a takes no value"),
        finding(4, "--a is None"),
        finding(5, "--b takes no value", path="other.py"),
        finding(6, "--c takes no value", fix="none"),
    ]
    assert [group.first for group in grouped(findings)] == findings
    assert {group.same for group in grouped(findings)} == {""}


def test_a_long_list_ends_with_a_number() -> None:
    (group,) = grouped(finding(line, f"--o{line} takes no value") for line in range(1, MOST_TOLD + 5))
    assert group.same.endswith(f"--o{MOST_TOLD + 1} ({MOST_TOLD + 1}) and 3 more")


SCRIPT = """\
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--fast", action="store_true")
parser.add_argument("--slow", action="store_true")
args = parser.parse_args()
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model(torch.ones(1)).mean().backward()
    optimizer.step()
"""


def test_people_read_it_once_and_programs_get_each(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    found = scan(Request(tmp_path, select=("SM201",)))
    text = io.StringIO()
    show(found, Console(file=text, width=200))
    assert text.getvalue().count("takes no value") == 1
    assert "the same: --slow (line 6)" in text.getvalue()
    assert "2 findings" in text.getvalue()
    assert [(f["line"], f["message"].split()[0]) for f in json.loads(as_json(found))["findings"]] == [(5, "--fast"), (6, "--slow")]
