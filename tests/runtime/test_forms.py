"""Scripts of every form of training, as people have them: the rules change them, they are killed, and end as if nothing had happened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrate.rules.base import all_rules
from tests.rules.harness import apply, context_of
from tests.runtime.interruption import Machine

FORMS = Path(__file__).parent / "forms"
ENVIRONMENTS = {
    "fabric_loop": "hf",
    "monitored_session": "tf",
    "supervisor": "tf",
    "mxnet_module": "chainer",
    "jax_train_state": "jax",
    "jax_plain": "jax",
    "jax_nnx": "jax",
}


def migrated(source: str) -> tuple[str, list[str]]:
    """The script as the rules about going on leave it, and the names that it takes from the support file."""
    context = context_of({"train.py": source})
    findings = [finding for rule in all_rules() if rule.code.startswith("SM3") for finding in rule.check(context)]
    assert findings and all(finding.fix == "safe" for finding in findings), findings
    after = apply(findings, {"train.py": source})["train.py"]
    names = [name.strip() for line in re.findall(r"from sagemaker_support import (.*)", after) for name in line.split(",")]
    assert names, after
    return after, names


@pytest.mark.parametrize("form", ENVIRONMENTS)
def test_it_ends_as_if_nothing_had_happened(form: str, tmp_path: Path) -> None:
    source = (FORMS / f"{form}.py").read_text()
    after, names = migrated(source)
    machines = [Machine.make(tmp_path / name, ENVIRONMENTS[form], text, names) for name, text in (("before", source), ("same", after))]
    plain, same = (machine.run(active=False) for machine in machines)
    assert same.stdout == plain.stdout
    assert machines[0].outputs() and machines[1].outputs() == machines[0].outputs()
    Machine.make(tmp_path / "after", ENVIRONMENTS[form], after, names).run(kill=2)
    machine = Machine.make(tmp_path / "after", ENVIRONMENTS[form], after, names, keep=True)
    last = machine.run()
    lines = [line for line in last.stdout.splitlines(True) if not line.startswith("keeper: ")]
    assert "keeper: " in last.stdout and plain.stdout.endswith("".join(lines)) and len("".join(lines)) < len(plain.stdout)
    assert machine.outputs() == machines[0].outputs()
