"""Whatever the EC2 side says, the job is one that the service takes, and job.toml parses and holds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.generate import generate
from migrate.job.infer import infer
from migrate.job.request import problems_of
from migrate.repo.ec2.collect import Collector
from migrate.repo.ec2.model import Ec2Side, Fact, Machine, Mount, Transfer
from migrate.repo.tree import Tree
from tests.generate.small import entry_point

TEXT = st.text(max_size=30) | st.text(alphabet="'\"$(){}`\\\n\t;&|<>{{%}}[]=#é\u2028 a-/.:", max_size=40) | st.just("x" * 600)


@st.composite
def sides(draw: st.DrawFn) -> Ec2Side:
    """A side whose every text is drawn; its start comes from a shell line that holds such texts too."""
    import shlex

    collector = Collector(Tree(Path("/nowhere"), None, ("train.py",)), frozenset({"train.py"}))
    words = " ".join(shlex.quote(draw(TEXT)) for _ in range(3))
    collector.follow("run.sh", f"export A={shlex.quote(draw(TEXT))}\nB={shlex.quote(draw(TEXT))} python train.py --lr {words}\n")

    def fact() -> Fact[str]:
        return Fact(draw(TEXT), draw(TEXT), 1, draw(TEXT))

    machine = Machine(
        draw(TEXT),
        draw(TEXT),
        1,
        instance_types=(fact(), Fact("p3.2xlarge", draw(TEXT), 1)),
        profile=fact(),
        region=fact(),
        zone=fact(),
        security_groups=(fact(),),
        subnets=(fact(),),
        kms_keys=(fact(),),
        volume=Fact(draw(st.integers()), "x", 1),
        tags=((draw(TEXT), fact()), (draw(TEXT), fact())),
    )
    moved = (
        Transfer(draw(TEXT), "./data", True, True, draw(TEXT), 1, "aws s3 sync"),
        Transfer(f"s3://bucket/{draw(TEXT)}", draw(TEXT), False, True, "run.sh", 1, "aws s3 sync", after=("train.py",)),
    )
    mount = Mount("efs", draw(TEXT), draw(TEXT), draw(TEXT), "/data", False, draw(TEXT), 1)
    return Ec2Side(starts=tuple(collector.starts), machines=(machine,), transfers=moved, mounts=(mount,), regions=(fact(),))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(side=sides())
def test_the_service_takes_it(side: Ec2Side) -> None:
    from migrate.job.ec2 import on_ec2

    point = on_ec2(entry_point(), side)
    assert problems_of(infer(point, project="demo")) == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(side=sides())
def test_job_toml_holds_it(side: Ec2Side, tmp_path: Path) -> None:
    from migrate.job.ec2 import on_ec2

    point = on_ec2(replace(entry_point(), channels=()), side)
    made = {file.path: file.content.decode("utf-8") for file in generate(tmp_path, [point], project="demo").files}
    table = tomlkit.parse(made["sagemaker_job/job.toml"]).unwrap()
    (job,) = table["job"].values()
    wanted = infer(point, project="demo")
    assert job["hyperparameters"] == wanted.hyperparameters
    assert {name: job["environment"][name] for name in wanted.environment} == wanted.environment
    assert job["instance_type"] == "ml.p3.2xlarge"
