"""What one entry point is as a job: its hyperparameters, channels, outputs and checkpoints, from the facts."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from migrate.facts.counts import variable_of
from migrate.facts.devices import index_of
from migrate.facts.habits.transfers import channel_sources
from migrate.facts.metrics import find_metrics
from migrate.facts.migrated import Migrated
from migrate.facts.model import Arguments, Option
from migrate.facts.processes import find_processes
from migrate.facts.program import Module, Program
from migrate.facts.redirects import Paths, Redirect
from migrate.facts.rendezvous import is_local_rank, meets_at
from migrate.facts.secrets import secret_names
from migrate.facts.training.own import own_checkpoints
from migrate.job.model import Channel, EntryPoint, Hyperparameter, MetricDefinition, Needs, Output
from migrate.repo.commands import Command
from migrate.repo.entries import Entry

TRAINING_CALLS = {"backward", "step", "update", "fit", "train_on_batch", "minimize", "apply_gradients", "partial_fit", "run"}
ARGPARSE = "argparse.ArgumentParser"
FRAMEWORK_LOOPS = {"chainer", "lightning", "transformers"}
FLAGS = {"store_true": False, "store_false": True}
NO_VALUE = {"help", "version"}
NOTHING = Needs()


def describe(
    entry: Entry, program: Program, arguments: Arguments, paths: Paths, commands: Sequence[Command], needs: Needs = NOTHING
) -> EntryPoint:
    """The entry point as ``scan`` tells it."""
    return EntryPoint(
        path=entry.path,
        framework=entry.framework,
        framework_version=entry.framework_version,
        cli=arguments.cli,
        translated=bool(arguments.sites),
        whole=_is_whole(arguments),
        hyperparameters=_hyperparameters(arguments, paths),
        channels=_channels(paths, channel_sources(program, arguments, paths)),
        outputs=_outputs(paths),
        checkpoint_kind=_checkpoint_kind(entry, program, paths),
        loop_line=loop_line(program),
        command=commands[0].text if commands else None,
        closure=entry.closure,
        as_module=entry.as_module,
        function=entry.function,
        secrets=secret_names(program),
        processes=find_processes(program),
        metrics=tuple(
            MetricDefinition(metric.name, metric.regex, metric.sample, metric.place.path, metric.place.span.line)
            for metric in find_metrics(program)
        ),
        needs=needs,
    )


def key_of(option: Option) -> str:
    """The launcher's key: the dest as an identifier, since a dot or a dash in a key kills the v3 driver (CONTRACT)."""
    return re.sub(r"[^A-Za-z0-9_]", "_", option.dest)


def _is_whole(arguments: Arguments) -> bool:
    """Whether every option of the command line is known, and the parser refuses any other."""
    if arguments.cli != "argparse" or arguments.unknown or arguments.command_dest or any(o.subcommand for o in arguments.options):
        return False
    return bool(arguments.sites) and all(site.library == ARGPARSE and site.method == "parse_args" for site in arguments.sites)


def _hyperparameters(arguments: Arguments, paths: Paths) -> tuple[Hyperparameter, ...]:
    on_paths = {r.option.dest for r in _told(paths) if r.option is not None}
    on_paths |= {o.dest for o in arguments.options if any(_stands_at(o, r) for r in _told(paths))}
    roots = {told.default for told in _told(paths) if told.role == "channel" and told.default and "/" in told.default}
    on_paths |= {o.dest for o in arguments.options if isinstance(o.default, str) and o.default in roots}  # it would beat the channel
    found: dict[str, Hyperparameter] = {}
    for option in arguments.options:
        name = key_of(option)
        if option.action in NO_VALUE or name in found:
            continue
        flag = option.action in FLAGS or option.action.endswith("BooleanOptionalAction")
        default = option.default if option.default_known else None
        if option.action in FLAGS and option.default_span is None:
            # a key that is spelt as the option means its presence, one spelt as a differing dest the value
            spelt = any(re.sub(r"[^A-Za-z0-9_]", "_", o.lstrip("-")) == name for o in option.options)
            default = False if spelt else FLAGS[option.action]
        found[name] = Hyperparameter(
            name=name,
            option=_preferred(option),
            dest=option.dest,
            type="bool" if flag else option.type or "str",
            default=_plain(default),
            line=option.place.span.line,
            path=option.place.path,
            options=option.options,
            nargs=option.nargs,
            choices=option.choices,
            required=option.required and not is_local_rank(option),
            is_path=option.dest in on_paths,
            without=_without(option, paths),
            counts=_follows(option),
            computed=not option.default_known,
        )
    return tuple(found.values())


def _without(option: Option, paths: Paths) -> str | None:
    """Why an option has no default that could be passed."""
    if option.dest in paths.for_the_user and option.default in (None, False):
        return "read as a path that only you know: bring the file by a channel, and give its path there"
    return "its default is worked out by the script" if not option.default_known and option.default_span is not None else None


def _follows(option: Option) -> str | None:
    """The variable of SageMaker's that the default of an option follows: a count, the number of a GPU, or where processes meet."""
    if is_local_rank(option):
        return "LOCAL_RANK"
    if index_of(option) is not None:
        return "SM_NUM_GPUS"
    return variable_of(option) or ("SM_HOSTS" if meets_at(option) else None)


def _told(paths: Paths) -> list[Redirect | Migrated]:
    """What would be redirected, and what is already."""
    return [*paths.redirects, *paths.migrated]


def _stands_at(option: Option, told: Redirect | Migrated) -> bool:
    """Whether a path stands in the option's default, or is the constant that a setting is."""
    if told.place.path != option.place.path:
        return False
    home, inner = option.default_span, told.place.span
    if isinstance(told, Redirect) and told.span is not None:
        inner = told.span
    if home is not None and (home.line, home.column) <= (inner.line, inner.column):
        if (inner.end_line, inner.end_column) <= (home.end_line, home.end_column):
            return True
    same = isinstance(option.default, str) and option.default == told.default
    return same and option.place.span.line == inner.line


def _preferred(option: Option) -> str | None:
    long = [o for o in option.options if o.startswith("--")]
    return next(iter((*long, *option.options)), None)


def _plain(value: object) -> object:
    """The value if JSON can carry it exactly, a tuple as a list; else None."""
    value = list(value) if isinstance(value, tuple) else value
    try:
        return value if json.loads(json.dumps(value, allow_nan=False)) == value else None
    except (TypeError, ValueError):
        return None


def _channels(paths: Paths, sources: Mapping[str, str]) -> tuple[Channel, ...]:
    """``sources``: where the script itself fetches the data of a channel on EC2."""
    found: dict[str, Channel] = {}
    for redirect in _told(paths):
        if redirect.role != "channel" or redirect.channel is None:
            continue
        option = redirect.option
        channel = Channel(
            redirect.channel,
            redirect.default if redirect.root is None else redirect.root,
            redirect.place.path,
            redirect.place.span.line,
            sources.get(redirect.channel),
            _preferred(option) if option else None,
            option.dest if option else None,
        )
        if redirect.channel not in found or (found[redirect.channel].option is None and channel.option is not None):
            found[redirect.channel] = channel
    return tuple(found[name] for name in sorted(found))


def _outputs(paths: Paths) -> tuple[Output, ...]:
    found: dict[tuple[object, ...], Output] = {}
    for redirect in _told(paths):
        if redirect.role != "channel":
            option = redirect.option
            output = Output(
                redirect.role,
                redirect.default,
                redirect.place.path,
                redirect.place.span.line,
                _preferred(option) if option else None,
                option.dest if option else None,
            )
            found.setdefault((output.kind, output.default, output.path, output.line), output)
    return tuple(found.values())


def _checkpoint_kind(entry: Entry, program: Program, paths: Paths) -> str:
    """none, save-only, partial, full or framework, as far as the saves and loads of the program tell."""
    text = "\n".join(module.text for module in program.modules.values())
    saves = any(r.role in ("model", "checkpoint") for r in _told(paths)) or any(
        left.kind in ("model", "checkpoint") and left.act == "write" for left in paths.left
    )
    if entry.framework in FRAMEWORK_LOOPS:
        return "framework" if re.search(r"snapshot\(|resume_from_checkpoint|ckpt_path|ModelCheckpoint|load_state\(", text) else "none"
    if entry.framework == "accelerate" and ".save_state(" in text and ".load_state(" in text:
        return "framework"
    if entry.framework in ("pytorch", "accelerate"):
        return own_checkpoints(program)
    loads = re.search(r"load_state_dict\(|load_weights\(|load_npz\(|restore\(|load_model\(", text) is not None
    if not saves:
        return "none"
    if not loads:
        return "save-only"
    return "full" if re.search(r"optim\w*\.load_state_dict\(", text) and re.search(r"start_epoch|epoch|iteration|step", text) else "partial"


def loop_line(program: Program) -> int | None:
    """The line of the outermost loop of the entry that trains; None when it stands in another module or a framework runs it."""
    if "loop line" not in program.notes:
        program.notes["loop line"] = _loop_line(program)
    line: int | None = program.notes["loop line"]
    return line


def _loop_line(program: Program) -> int | None:
    trains = _training_functions(program)
    acts = [c for c in program.main.calls() if _is_act(c) or any(id(f.node) in trains for f in program.callees(program.main, c))]
    lines = [loop.lineno for call in acts for loop in _loops_around(program.main, call)]
    return min(lines, default=None)


def _loops_around(module: Module, node: ast.AST) -> Iterator[ast.For | ast.While]:
    current = module.parent(node)
    while current is not None:
        if isinstance(current, (ast.For, ast.While)):
            yield current
        current = module.parent(current)


def _training_functions(program: Program) -> set[int]:
    """The functions that train, themselves or through those they call: from the acts back along the calls."""
    todo = [m.scope(c).function() for m in program.modules.values() for c in m.calls_named("", *TRAINING_CALLS) if _is_act(c)]
    found: set[int] = set()
    while todo:
        scope = todo.pop()
        if scope is not None and id(scope.node) not in found:
            found.add(id(scope.node))
            todo += [site.module.scope(site.call).function() for site in program.calls_of.get(id(scope.node), [])]
    return found


def _is_act(call: ast.Call) -> bool:
    target = call.func.args[0] if isinstance(call.func, ast.Call) and len(call.func.args) == 1 else call.func  # keras_fit(model.fit)(...)
    return isinstance(target, ast.Attribute) and target.attr in TRAINING_CALLS
