"""Every rule's own examples: before becomes after, a second run changes nothing, and look-alikes stay untouched."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.repo.parsing import parse
from migrate.report.rules import pages
from migrate.rules.base import Example, Rule, all_rules
from tests.rules.harness import apply, check

HEADINGS = ("What it finds", "Why it matters on SageMaker", "Fix and its safety", "Source")
EXAMPLES = [pytest.param(rule, example, id=f"{rule.code}-{n}") for rule in all_rules() for n, example in enumerate(rule.examples)]
UNTOUCHED = [pytest.param(rule, source, id=f"{rule.code}-{n}") for rule in all_rules() for n, source in enumerate(rule.untouched)]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_before_becomes_after_and_stays(rule: Rule, example: Example) -> None:
    sources = {"train.py": example.before, **example.others}
    findings = check(rule, sources)
    assert findings, "the example has no finding of its rule"
    assert {(finding.rule, finding.name) for finding in findings} == {(rule.code, rule.name)}
    for finding in findings:
        assert (finding.fix == "none") == (not finding.edits)
        assert finding.fix != "none" or finding.reason
    after = apply(findings, sources)
    assert after["train.py"] == example.after
    parse(after["train.py"])
    again = [finding for finding in check(rule, after) if finding.edits]
    assert apply(again, after) == after


@pytest.mark.parametrize(("rule", "source"), UNTOUCHED)
def test_a_look_alike_gives_no_finding(rule: Rule, source: str) -> None:
    parse(source)
    assert check(rule, {"train.py": source}) == []


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in all_rules()])
def test_a_rule_is_documented_and_has_both_kinds_of_example(rule: Rule) -> None:
    at = [rule.documentation.find(f"\n{heading}\n") for heading in HEADINGS]
    assert -1 not in at, f"a heading is missing: {HEADINGS}"
    assert at == sorted(at)
    assert rule.examples
    assert rule.untouched


def test_codes_are_unique() -> None:
    codes = [rule.code for rule in all_rules()]
    assert len(codes) == len(set(codes))


def test_the_pages_of_the_rules_say_what_the_rules_say() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs" / "rules"
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert written == pages(), "run tools/update_rules.py"
