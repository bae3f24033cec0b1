"""The command line: one thin function per command. Heavy imports stand inside the functions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrate import options
from migrate.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from migrate.scan import Request, Scan, Unreadable
    from migrate.verify.model import Options as VerifyOptions
    from migrate.verify.model import Report

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)


@app.callback()
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Take training code written for EC2 machines and make it run as Amazon SageMaker training jobs."""
    if version:
        from migrate import __version__

        print(f"migrate {__version__}")
        raise typer.Exit


@app.command("scan")
def scan_command(
    path: options.Where = Path("."),
    entry: options.Entry = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    format: Annotated[str, typer.Option("--format", metavar="text|json", help="How it is told.")] = "text",
    output: options.Output = None,
    config: options.Config = None,
) -> None:
    """What would have to change, and what job it would be. Reads only."""
    from migrate.kept import scan_to_tell
    from migrate.repo.tree import find_files
    from migrate.report import as_json, as_text

    if format not in ("text", "json"):
        raise UserError(f"--format {format}: text or json")
    request = _request(path, entry, select, ignore, config)
    with _progress("scanning"):
        found = scan_to_tell(find_files(path), request)
    if format == "json":
        _write(as_json(found), output)
    elif output is not None:
        _write(as_text(found), output)
    else:
        from migrate.report.text import show

        show(found, _console())
    if not found.unreadable:
        _no_entry_point(found.entry_points)
    raise typer.Exit(1 if found.findings or found.unreadable else 0)


@app.command("apply")
def apply_command(
    path: options.Where = Path("."),
    entry: options.Entry = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    diff: Annotated[bool, typer.Option("--diff", help="Print the patch, change nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether anything would change.")] = False,
    unsafe_fixes: Annotated[bool, typer.Option("--unsafe-fixes", help="Also the fixes that need a look.")] = False,
    generate: Annotated[bool, typer.Option("--generate/--no-generate", help="Write sagemaker_job/ too.")] = True,
    extras: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="FILES", help="Further files for the job, from then on: iam, pipeline, terraform, v2, chain."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Even where git has uncommitted changes.")] = False,
    output: options.Output = None,
    config: options.Config = None,
) -> None:
    """Rewrite the scripts and write the job's files."""
    from migrate.applied import remember
    from migrate.apply import check_parses, plan
    from migrate.edits.diff import diff as patch
    from migrate.edits.journal import write
    from migrate.edits.state import dirty_paths, prefix
    from migrate.generate.files import FOLDER
    from migrate.hidden import patch_without
    from migrate.report.text import show_applied

    request, further = _request(path, entry, select, ignore, config), _extras(path, extras, config)
    with _progress("reading"):
        planned = plan(request, unsafe_fixes, generate, further)
    root = Path(planned.scan.root)
    check_parses(planned.changes)
    _no_entry_point(planned.scan.entry_points, planned.scan.unreadable)
    if diff:
        content, incomplete = patch_without(patch(planned.changes, prefix(root)), planned.changes)
        if incomplete:
            print("migrate: secrets are left out of the patch, so git does not take it: migrate apply makes the change", file=sys.stderr)
        if output is not None:
            output.write_bytes(content)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        raise typer.Exit(1 if planned.changes else 0)
    if not check:
        dirty = [] if force else [name for name in dirty_paths(root) if not name.startswith(f"{FOLDER}/")]  # those are kept as they are
        if dirty and planned.changes:
            raise UserError(
                f"{root} has uncommitted changes ({', '.join(dirty[:3])}{' ...' if len(dirty) > 3 else ''}): commit them first, or --force"
            )
        write(root, planned.changes)
        if planned.changes:
            remember(request, unsafe_fixes, generate, further)
    show_applied(planned, _console(), only_check=check)
    if check:
        raise typer.Exit(1 if planned.changes else 0)
    raise typer.Exit(1 if planned.left or planned.kept else 0)


@app.command("undo")
def undo_command(path: options.Where = Path(".")) -> None:
    """Take the last apply back, to the byte."""
    from migrate.edits.journal import undo
    from migrate.repo.tree import find_files
    from migrate.report.text import show_undone

    undone = undo(find_files(path).root)
    show_undone(undone, _console())
    if undone.refused:
        names = ", ".join(name for name, _ in undone.refused)
        raise UserError(f"edited since the apply, and left as they are: {names}")


@app.command("verify")
def verify_command(
    path: options.Where = Path("."),
    entry: options.Entry = None,
    channel: options.Channel = None,
    quick: options.Quick = False,
    sample: options.Sample = None,
    timeout: options.Timeout = 3600.0,
    python: options.Python = None,
    trust: options.Trust = False,
    engine: options.Engine = None,
    starter: options.Starter = None,
    image: options.Image = None,
    sdk_python: options.SdkPython = None,
    instances: options.Instances = 1,
    network: options.Network = False,
    memory: options.Memory = None,
    hp: options.Hp = None,
    ec2_command: options.Ec2Command = None,
    drill: options.Drill = None,
    drill_seed: options.DrillSeed = None,
    only: options.Only = None,
    synthetic: options.Synthetic = False,
    install: options.Install = False,
    fail_fast: options.FailFast = False,
    format: options.Format = "text",
    output: options.Output = None,
    config: options.Config = None,
) -> None:
    """Run the migrated job here, as SageMaker would, and tell what would be lost or not arrive."""
    from migrate.scan import scan
    from migrate.verify import cli as verifying
    from migrate.verify.model import Options

    wish = verifying.wish(drill, drill_seed, only or [])
    found = scan(_request(path, entry, None, None, config))
    _no_entry_point(found.entry_points, found.unreadable)
    asked = Options(
        channels={name: Path(value) for name, value in (_pair(c, "--channel") for c in channel or [])},
        quick=quick,
        sample=sample,
        timeout=timeout,
        python=python,
        trust=trust,
        engine=engine,
        starter=starter,
        sdk_pythons=tuple(sdk_python or ()),
        image=image,
        instances=instances,
        network=network,
        memory=None if memory is None else int(memory * 2**30),
        hyperparameters={_key(found, name): _value(value) for name, value in (_pair(h, "--hp") for h in hp or [])},
        drill=wish,
        ec2_command=ec2_command,
        synthetic=synthetic,
        install=install,
        fail_fast=fail_fast,
        findings={f"{finding.place.path}:{finding.place.span.line}": f"{finding.rule} {finding.name}" for finding in found.findings},
    )
    raise typer.Exit(_verify(found, asked, format, output))


def _verify(found: Scan, asked: VerifyOptions, format: str, output: Path | None) -> int:
    """Verify what a scan has found, tell it, and return the exit code."""
    from migrate.verify import cli as verifying
    from migrate.verify import text
    from migrate.verify.progress import progress

    root, console = Path(found.root), _console()

    def show(reports: Sequence[Report]) -> None:
        progressing.close()
        if format == "json":
            import json

            from migrate.verify.record import as_json

            _write(json.dumps(as_json(reports, root), indent=1, ensure_ascii=False), output)
        else:
            text.show(reports, console)

    with ExitStack() as progressing:
        tell = progressing.enter_context(progress(_console(stderr=True)))
        reports = verifying.run(
            root, found.entry_points, asked, dangerous=found.dangerous, unresumed=_unresumed(found), tell=tell, show=show
        )
    code = verifying.exit_code(reports)
    if code == 2:
        print(f"migrate: not verified: {verifying.why_not(reports)}", file=sys.stderr)
    return code


@app.command("doctor")
def doctor_command(
    path: options.Where = Path("."),
    format: Annotated[str, typer.Option("--format", metavar="text|json")] = "text",
    output: options.Output = None,
) -> None:
    """Is this machine, and this AWS account, ready for the job? Changes nothing."""
    from migrate.doctor.examine import as_json, examine, exit_code, show
    from migrate.repo.tree import find_files

    if format not in ("text", "json"):
        raise UserError(f"--format {format}: text or json")
    found = examine(find_files(path).root)
    if format == "json":
        text, checks = as_json(found)
        _write(text, output)
    else:
        checks = show(found, _console(output=output))
    raise typer.Exit(exit_code(checks))


@app.command("rules")
def rules_command(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="A rule's code or name.", show_default=False)] = None,
) -> None:
    """What a rule finds, why it matters, before and after."""
    from migrate.report.rules import show_rule, show_rules

    if code is None:
        show_rules(_console())
    else:
        show_rule(code, _console())


def _no_entry_point(entry_points: Sequence[object], unreadable: Sequence[Unreadable] = ()) -> None:
    """Raise UserError where there is nothing to work on. ``unreadable`` are the files to name where none could be read."""
    if entry_points:
        return
    if unreadable:
        more = f", and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        raise UserError(f"no entry point could be read: {unreadable[0].path}: {unreadable[0].reason}{more}")
    raise UserError("no entry point: no script here trains a model, as far as its source tells; name one as PATH")


def _request(path: Path, entry: list[str] | None, select: list[str] | None, ignore: list[str] | None, config: Path | None) -> Request:
    from migrate.config import load
    from migrate.scan import Request

    settings = load(path, config)
    codes = [c.strip() for value in select or settings.select for c in value.split(",") if c.strip()]
    ignored = [c.strip() for value in ignore or settings.ignore for c in value.split(",") if c.strip()]
    _known_codes([*codes, *ignored])
    return Request(path, tuple(entry or settings.entry), tuple(codes), tuple(ignored), settings.calls)


def _extras(path: Path, given: list[str] | None, config: Path | None) -> list[str]:
    """The further files that are asked for. Raises UserError for what there is not."""
    from migrate.config import load
    from migrate.generate.around import EXTRAS

    names = [name.strip() for value in given or load(path, config).extras for name in value.split(",") if name.strip()]
    for name in names:
        if name not in EXTRAS:
            raise UserError(f"--with {name}: there are {', '.join(EXTRAS)}")
    return names


def _known_codes(codes: list[str]) -> None:
    if codes:
        from migrate.rules.base import all_rules

        known = [rule.code for rule in all_rules()]
        for code in codes:
            if not any(k.startswith(code) for k in known):
                raise UserError(f"no rule {code}; `migrate rules` lists them")


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"{option} {text}: write it as NAME=VALUE")
    return name, value


def _key(found: Scan, name: str) -> str:
    """The hyperparameter that a person means: dashes, dots and underscores are the same."""
    plain = name.lstrip("-").replace("-", "_").replace(".", "_")
    names = {h.name.lower(): h.name for point in found.entry_points for h in point.hyperparameters}
    return names.get(plain.lower(), name)


def _unresumed(found: Scan) -> dict[str, list[str]]:
    """By entry point, what the scan says of going on after an interruption."""
    findings = [finding for finding in found.findings if finding.rule.startswith("SM3")]
    return {
        point.path: [
            f"{finding.place.path}:{finding.place.span.line}: {finding.rule} {finding.message}"
            + (f" ({finding.reason})" if finding.reason else "")
            for finding in findings
            if finding.place.path in (point.closure or (point.path,))
        ]
        for point in found.entry_points
    }


def _value(text: str) -> object:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    try:
        output.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}") from error


def _console(stderr: bool = False, output: Path | None = None) -> Console:
    from rich.console import Console

    try:
        file = None if output is None else output.open("w", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}") from error
    return Console(soft_wrap=True, highlight=False, stderr=stderr, file=file)


def _progress(what: str) -> Any:
    """A spinner on a terminal; nothing elsewhere."""
    from contextlib import nullcontext

    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)


def run() -> int:
    """Run one command. Returns the exit code; faults of the user's are one line on stderr and 2."""
    try:
        result = app(sys.argv[1:] or ["--help"], prog_name="migrate", standalone_mode=False)
    except UserError as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 2
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"migrate: {message}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("migrate: stopped", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    except Exception as error:  # ours, and no finding: 1 would say that there are some
        if os.environ.get("MIGRATE_TRACEBACK"):
            raise
        print(f"migrate: a fault of its own: {type(error).__name__}: {error} (MIGRATE_TRACEBACK=1 shows where)", file=sys.stderr)
        return 2
    return result if isinstance(result, int) else 0
