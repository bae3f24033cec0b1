"""The options of the command line, by the names that its commands give them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Where = Annotated[
    Path, typer.Argument(metavar="[PATH]", help="A repository, a folder in one, or a single script.", show_default="the current folder")
]
Entry = Annotated[list[str] | None, typer.Option("--entry", metavar="FILE", help="Only this entry point (repeatable).")]
Select = Annotated[
    list[str] | None, typer.Option("--select", metavar="CODES", help="Only these rules, by code or its beginning (SM1, SM201,SM202).")
]
Ignore = Annotated[list[str] | None, typer.Option("--ignore", metavar="CODES", help="Not these rules.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings instead of [tool.migrate] in pyproject.toml or migrate.toml.")
]
Output = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write there instead of to the screen.")]

# of verify
Channel = Annotated[list[str] | None, typer.Option("--channel", metavar="NAME=DIR", help="Local data for a channel (repeatable).")]
Quick = Annotated[
    bool, typer.Option("--quick", help="One epoch or step, through the script's own hyperparameters, on a sample of the data.")
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", metavar="N", min=0, help="So many files, or rows of a table, of each channel (0: all; 64 with --quick)."),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="For each run.")]
Python = Annotated[str | None, typer.Option("--python", metavar="FILE", help="The interpreter that has the script's packages.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run it although it writes or deletes absolute paths of this machine.")]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="sandbox|process|docker|sdk", help="How to run it: sandbox where bubblewrap works, else process."),
]
Starter = Annotated[
    str | None,
    typer.Option(
        "--starter",
        metavar="real|emulated",
        help="What starts the script in process and sandbox: SageMaker's own programs (default where they are installed), or an emulation.",
    ),
]
Image = Annotated[str | None, typer.Option("--image", metavar="NAME", help="With docker and sdk: another image than the job's.")]
SdkPython = Annotated[
    list[str] | None, typer.Option("--sdk-python", metavar="FILE", help="With sdk: a Python that has the SageMaker SDK (repeatable).")
]
Instances = Annotated[
    int, typer.Option("--instances", metavar="N", min=1, max=8, help="Hosts of the job, started together (sandbox and docker).")
]
Network = Annotated[bool, typer.Option("--network", help="Let it have the network in the sandbox.")]
Memory = Annotated[
    float | None, typer.Option("--memory", metavar="GIB", min=0.001, help="Kill it where it has more memory, as the instance would.")
]
Hp = Annotated[list[str] | None, typer.Option("--hp", metavar="NAME=VALUE", help="Set a hyperparameter for the runs (JSON, or text).")]
Ec2Command = Annotated[
    str | None,
    typer.Option("--ec2-command", metavar="COMMAND", help="How it is started on EC2, at the repo's root, to compare it with the original."),
]
Drill = Annotated[
    str | None, typer.Option("--drill", metavar="interrupt", help="Interrupt it on purpose, and compare what comes out in the end.")
]
DrillSeed = Annotated[int | None, typer.Option("--drill-seed", metavar="N", help="Interrupt at the same moments again.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="WAY", help="Only this way: term, kill, save, twice, limit (repeatable).")
]
Synthetic = Annotated[bool, typer.Option("--synthetic", help="Make data up for channels that have none.")]
Install = Annotated[bool, typer.Option("--install", help="Make an environment of the job's packages for it, and keep it.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at an entry point's first proof that fails.")]
Format = Annotated[str, typer.Option("--format", metavar="text|json")]
