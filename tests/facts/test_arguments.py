"""``find_arguments`` against real parsers: each source is read, and also run; what it holds when it parses must be what was read."""

from __future__ import annotations

import argparse
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.arguments import find_arguments
from migrate.facts.model import Arguments, Option
from tests.rules.harness import program_of

SHAPES: dict[str, dict[str, str]] = {
    "at the top": {
        "train.py": """
import argparse
LR = 0.1
parser = argparse.ArgumentParser(description="d")
parser.add_argument("data", help="folder")
parser.add_argument("out", nargs="?", default="o")
parser.add_argument("-b", "--batch-size", type=int, default=32, metavar="N")
parser.add_argument("-lr", default=LR * 2, type=float)
parser.add_argument("--no-bias", dest="bias", action="store_false")
parser.add_argument("--amp", action="store_true")
parser.add_argument("--mode", choices=["a", "b"], required=True)
parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2])
parser.add_argument("--level", action="store_const", const=3)
parser.add_argument("--neg", default=-1e-3, type=float)
parser.add_argument("--version", action="version", version="1")
args = parser.parse_args()
"""
    },
    "in a function, by groups": {
        "train.py": """
import argparse

def get_parser(**kw):
    parser = argparse.ArgumentParser(**kw)
    group = parser.add_argument_group("g")
    group.add_argument("--lr", type=float, default=0.1)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--a", action="store_true")
    either.add_argument("--b", action="store_true")
    return parser

def main(args):
    return args

if __name__ == "__main__":
    main(get_parser(add_help=False).parse_args())
"""
    },
    "parents and set_defaults": {
        "train.py": """
from argparse import ArgumentParser
import base
parser = ArgumentParser(parents=[base.parent], conflict_handler="resolve")
parser.add_argument("--seed", type=int, default=2)
parser.set_defaults(lr=0.5, later="x")
parser.add_argument("--later")
args, rest = parser.parse_known_args()
""",
        "base.py": """
import argparse
parent = argparse.ArgumentParser(add_help=False)
parent.add_argument("--lr", type=float, default=0.1)
parent.add_argument("--seed", type=int, default=1)
if __name__ == "__main__":
    parent.add_argument("--only-as-script")
    parent.parse_args()
""",
    },
    "an options class with bases": {
        "train.py": """
from options.train_options import TrainOptions

class Unused:
    def initialize(self, parser):
        parser.add_argument("--unused")

opt = TrainOptions().parse()
""",
        "options/__init__.py": "",
        "options/base_options.py": """
import argparse

class BaseOptions:
    def __init__(self):
        self.initialized = False

    def initialize(self, parser):
        parser.add_argument("--name", type=str, default="experiment")
        parser.add_argument("--gpu_ids", type=str, default="0", help="e.g. 0,1")
        self.initialized = True
        return parser

    def gather(self):
        if not self.initialized:
            parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
            parser = self.initialize(parser)
        opt, _ = parser.parse_known_args()
        if opt.name == "x":
            parser.set_defaults(dataset="y")
        self.parser = parser
        return parser.parse_args()

    def parse(self):
        opt = self.gather()
        opt.isTrain = self.isTrain
        return opt
""",
        "options/train_options.py": """
from .base_options import BaseOptions

class TrainOptions(BaseOptions):
    isTrain = True

    def initialize(self, parser):
        parser = BaseOptions.initialize(self, parser)
        parser.add_argument("--epochs", type=int, default=100)
        return parser
""",
    },
    "a parser of the program's own class": {
        "train.py": """
import argparse

class Parser(argparse.ArgumentParser):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_argument("--seed", type=int, default=1)

    def parse_args(self, args=None, namespace=None):
        return super().parse_args(args, namespace)

parser = Parser(description="d")
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
"""
    },
    "names made in a loop": {
        "train.py": """
import argparse
from util import defaults, add_dict, str2bool

def create():
    d = dict(lr=0.1, flag=True, name="n", nothing=None)
    d.update(defaults())
    parser = argparse.ArgumentParser()
    add_dict(parser, d)
    return parser

def main():
    args = create().parse_args()

if __name__ == "__main__":
    main()
""",
        "util.py": """
def defaults():
    res = dict(size=64, drop=0.5)
    for key in list(res.keys()):
        if key not in ("size",):
            del res[key]
    return res

def str2bool(v):
    return v == "true"

def add_dict(parser, d):
    for k, v in d.items():
        v_type = type(v)
        if v is None:
            v_type = str
        elif isinstance(v, bool):
            v_type = str2bool
        parser.add_argument(f"--{k}", default=v, type=v_type)
""",
    },
    "spread from lists and dictionaries": {
        "train.py": """
import argparse
TABLE = [(("-e", "--epochs"), {"type": int, "default": 3}), (("--flag",), {"action": "store_true"})]
parser = argparse.ArgumentParser()
for names, options in TABLE:
    parser.add_argument(*names, **options)
for phase in ["train", "val"]:
    parser.add_argument("--" + phase + "_dir", default="data/%s" % phase)
    parser.add_argument("--{}-size".format(phase), type=int)
args = parser.parse_args()
"""
    },
    "the process's argv through a function": {
        "train.py": """
import argparse
import sys

def parse(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser.parse_args(argv)

def main(args=None):
    if args is None:
        args = sys.argv[1:]
    args = parse(args)

if __name__ == "__main__":
    main()
"""
    },
    "called back": {
        "train.py": """
import argparse
import threading

def add_model_args(parser):
    parser.add_argument("--depth", type=int, default=2)

def add(parser, *functions):
    for function in functions:
        function(parser)

def main():
    parser = argparse.ArgumentParser()
    add(parser, add_model_args, lambda p: p.add_argument("--width", type=int, default=8))
    parser.parse_args()

thread = threading.Thread(target=main)
thread.start()
thread.join()
"""
    },
    "settings of the environment": {
        "train.py": """
import argparse
import os
parser = argparse.ArgumentParser()
parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING", "./data"))
parser.add_argument("--out", default=os.path.join(os.environ.get("SM_MODEL_DIR", "out"), "model.pt"))
parser.add_argument("--fold", required="SM_X" not in os.environ)
parser.add_argument("--tail", nargs=argparse.REMAINDER)
args = parser.parse_args()
"""
    },
}


def run(sources: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that the program really holds at its last parse."""
    for path, text in sources.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    held: list[argparse.ArgumentParser] = []

    def parse(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        held.append(self)
        values = {a.dest: a.default for a in self._actions}
        return types.SimpleNamespace(**values), []

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda self, args=None, namespace=None: parse(self)[0])
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    runpy.run_path(str(folder / "train.py"), run_name="__main__")
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    return held[-1]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_read_is_what_the_parser_holds(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = find_arguments(program_of(SHAPES[shape]))
    real = [
        a for a in run(SHAPES[shape], tmp_path, monkeypatch)._actions if not isinstance(a, (argparse._HelpAction, argparse._VersionAction))
    ]
    assert {option.dest: told(option) for option in arguments.options} == {action.dest: known(action) for action in real}
    assert arguments.cli == "argparse"
    assert arguments.unknown == ()
    assert all(site.argv != "other" for site in arguments.sites)


def told(option: Option) -> tuple[object, ...]:
    assert option.default_known
    return option.options, option.type, option.nargs, option.default, option.choices, option.required


def known(action: argparse.Action) -> tuple[object, ...]:
    kind = getattr(action.type, "__name__", None)
    choices = tuple(action.choices) if action.choices is not None else None
    nargs = None if action.nargs == 0 else action.nargs
    return tuple(action.option_strings), kind, nargs, action.default, choices, action.required


def read(source: str, **others: str) -> Arguments:
    return find_arguments(program_of({"train.py": source, **{f"{name}.py": text for name, text in others.items()}}))


def test_subcommands_belong_to_their_names() -> None:
    arguments = read("""
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
commands = parser.add_subparsers(dest="task", required=True)
fit = commands.add_parser("fit", help="h")
fit.add_argument("--lr", type=float, default=0.1)
fit.set_defaults(func=print)
test = commands.add_parser("test")
test.add_argument("weights")
args = parser.parse_args()
args.func(args)
""")
    assert [(option.dest, option.subcommand) for option in arguments.options] == [
        ("seed", None),
        ("task", None),
        ("lr", "fit"),
        ("weights", "test"),
    ]
    task = arguments.options[1]
    assert (task.action, task.options, task.choices, task.required) == ("subcommand", (), ("fit", "test"), True)
    assert arguments.command_dest == "task"


def test_boolean_optional_action() -> None:
    (option,) = read("""
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
parser.parse_args()
""").options
    assert (option.action, option.default) == ("BooleanOptionalAction", True)


def test_what_a_library_adds_is_noted() -> None:
    arguments = read("""
import argparse
from framework import Trainer
parser = argparse.ArgumentParser()
parser.add_argument("--lr")
parser = Trainer.add_argparse_args(parser)
parser.add_argument("--late")
args = parser.parse_args()
""")
    assert [option.dest for option in arguments.options] == ["lr", "late"]
    assert [reason for _, reason in arguments.unknown] == ["the options that framework.Trainer.add_argparse_args adds are not read"]


def test_a_parser_of_a_library_is_a_site_with_a_note() -> None:
    arguments = read("from framework import default_argument_parser\nargs = default_argument_parser().parse_args()\n")
    assert (arguments.cli, arguments.options, len(arguments.sites), len(arguments.unknown)) == ("argparse", (), 1, 1)


def test_one_call_that_declares_several_options_has_no_default_span() -> None:
    arguments = read("""
import argparse
parser = argparse.ArgumentParser()
for name in ("a", "b"):
    parser.add_argument("--" + name, default=1)
parser.add_argument("--c", default=2)
parser.parse_args()
""")
    assert [option.default_span is None for option in arguments.options] == [True, True, False]


def test_a_default_that_is_set_on_a_branch_is_not_known() -> None:
    (option,) = read("""
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--name", default="a")
args, _ = parser.parse_known_args()
if args.name == "x":
    parser.set_defaults(name="b")
parser.parse_args()
""").options
    assert (option.default_known, option.default) == (False, None)


def test_a_default_that_differs_by_branch_is_not_known() -> None:
    (option,) = read("""
import argparse
import torch
parser = argparse.ArgumentParser()
default = "cuda" if torch.cuda.is_available() else "cpu"
parser.add_argument("--device", default=default)
parser.parse_args()
""").options
    assert (option.default_known, option.default) == (False, None)


def test_an_explicit_list_is_told_and_support_is_recognised() -> None:
    source = """
import argparse
from sagemaker_support import parse_args, sagemaker_argv
parser = argparse.ArgumentParser()
parser.add_argument("--lr")
parser.parse_args([])
parser.parse_args(sagemaker_argv(parser))
parse_args(argparse.ArgumentParser(), "parse_known_args")
"""
    assert [site.argv for site in read(source).sites] == ["other", "support", "support"]
    support = "def sagemaker_argv(parser, argv=None): ...\ndef parse_args(parser, method='parse_args'): ...\n"
    assert [site.argv for site in read(source, sagemaker_support=support).sites] == ["other", "support", "support"]


def test_options_of_what_the_entry_does_not_run_are_not_its_own() -> None:
    arguments = read(
        """
import argparse
import other

def evaluate():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    return parser.parse_args()

parser = argparse.ArgumentParser()
parser.add_argument("--lr")
parser.parse_args()
""",
        other="""
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--elsewhere")
    parser.parse_args()
""",
    )
    assert [option.dest for option in arguments.options] == ["lr"]


def test_deep_programs_are_followed_as_far_as_they_can_be() -> None:
    chain = "".join(f"def f{n}(parser):\n    if parser:\n        for _ in range(1):\n            f{n + 1}(parser)\n" for n in range(100))
    arguments = read(f"""
import argparse
{chain}
def f100(parser):
    parser.add_argument("--deep")
parser = argparse.ArgumentParser()
parser.add_argument("--lr")
parser.parse_args()
f0(parser)
text = {" + ".join(["'x'"] * 150)}
""")
    assert [option.dest for option in arguments.options] == ["lr"]


def test_a_recursive_program_ends() -> None:
    arguments = read("""
import argparse

def make(n):
    return make(n + 1) if n else make(n - 1)

def loop():
    while True:
        loop()

make(0)
loop()
text = "x" * 10 ** 9 * 10 ** 9
parser = argparse.ArgumentParser()
parser.add_argument("--lr", default=10 ** 10 ** 10)
parser.parse_args()
""")
    assert [option.dest for option in arguments.options] == ["lr"]


KINDS = {
    "click": ("import click\n@click.command()\n@click.option('--lr', type=float, default=0.1)\ndef main(lr): ...\nmain()\n", ["lr"]),
    "fire": (
        "import fire\ndef train(lr=0.1, *, epochs: int = 3): ...\nif __name__ == '__main__':\n    fire.Fire(train)\n",
        ["lr", "epochs"],
    ),
    "hydra": ("import hydra\n@hydra.main(config_path='conf')\ndef main(cfg): ...\nmain()\n", []),
    "tyro": (
        "import tyro\nfrom dataclasses import dataclass\n@dataclass\nclass Args:\n    lr: float = 0.1\nargs = tyro.cli(Args)\n",
        ["lr"],
    ),
    "absl": ("from absl import app, flags\nflags.DEFINE_float('lr', 0.1, 'h')\ndef main(_): ...\napp.run(main)\n", ["lr"]),
    "tf.flags": ("import tensorflow as tf\ntf.app.flags.DEFINE_integer('steps', 1, 'h')\nFLAGS = tf.app.flags.FLAGS\n", ["steps"]),
    "docopt": (
        '"""Train.\n\nUsage: train.py [options]\n\nOptions:\n    --lr=<x>  Rate.\n"""\nfrom docopt import docopt\na = docopt(__doc__)\n',
        ["lr"],
    ),
    "HfArgumentParser": (
        "from transformers import HfArgumentParser\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    lr: float = 0.1\n"
        "(a,) = HfArgumentParser((A,)).parse_args_into_dataclasses()\n",
        ["lr"],
    ),
    "LightningCLI": ("from lightning.pytorch.cli import LightningCLI\ndef main():\n    LightningCLI(Model)\nmain()\n", []),
    "exec": ("lr = 0.1\nexec(open('configurator.py').read())\nprint(lr)\n", ["lr"]),
    "sys.argv": ("import sys\nepochs, name = int(sys.argv[1]), sys.argv[2]\n", ["epochs", "name"]),
    "constants": ("LR = 0.1\nprint(LR)\n", ["lr"]),
    "none": ("print('nothing to set')\n", []),
}


@pytest.mark.parametrize("cli", KINDS)
def test_other_kinds_of_command_line(cli: str) -> None:
    source, dests = KINDS[cli]
    arguments = read(source)
    assert (arguments.cli, [option.dest for option in arguments.options]) == (cli, dests)


DEFINED = "flags.DEFINE_string('data', 'd', 'h')\n"
FLAG_SITES = {  # the line that the flags are read by, and their name; None where nothing can be put before it
    "run": (f"from absl import app, flags\n{DEFINED}def main(_): ...\nif __name__ == '__main__':\n    app.run(main)\n", (5, "flags.FLAGS")),
    "exit": (f"import sys\nfrom absl import app, flags\n{DEFINED}sys.exit(app.run(print))\n", (4, "flags.FLAGS")),
    "tensorflow": (f"import tensorflow as tf\nflags = tf.app.flags\nF = flags.FLAGS\n{DEFINED}tf.app.run()\n", (5, "F")),
    "v1": (f"import tensorflow.compat.v1 as tf\nflags = tf.flags\nFLAGS = flags.FLAGS\n{DEFINED}tf.app.run()\n", (5, "FLAGS")),
    "nothing runs": (f"import tensorflow as tf\nflags = tf.app.flags\nFLAGS = flags.FLAGS\n{DEFINED}print(FLAGS.data)\n", (5, "FLAGS")),
    "named after": (f"import tensorflow as tf\nflags = tf.app.flags\n{DEFINED}FLAGS = flags.FLAGS\nprint(FLAGS.data)\n", (5, "FLAGS")),
    "asked": (f"import sys\nfrom absl import flags\nFLAGS = flags.FLAGS\n{DEFINED}FLAGS(sys.argv)\nprint(FLAGS.data)\n", (5, "FLAGS")),
    "read before it runs": (
        f"import tensorflow as tf\nflags = tf.app.flags\nFLAGS = flags.FLAGS\n{DEFINED}n = FLAGS.data\ntf.app.run()\n",
        (5, "FLAGS"),
    ),
    "named too late": (
        f"import tensorflow as tf\nflags = tf.app.flags\n{DEFINED}def f(): ...\nFLAGS = flags.FLAGS\nprint(FLAGS.data)\n",
        (4, "flags.FLAGS"),
    ),
    "named behind": (f"from absl import app, flags\n{DEFINED}app.run(print)\nFLAGS = flags.FLAGS\n", (3, "flags.FLAGS")),
    "named in a function": (
        f"from absl import app, flags as f\ndef define():\n    flags = f\n    {DEFINED}define()\napp.run(print)\n",
        None,
    ),
    "another thing there": (
        f"from absl import app, flags\n{DEFINED}def run(flags):\n    app.run(print)\nrun(1)\n",
        (3, "flags.FLAGS"),
    ),
    "imported in a try": (
        f"try:\n    from absl import app, flags\nexcept ImportError:\n    raise\n{DEFINED}app.run(print)\n",
        (6, "flags.FLAGS"),
    ),
    "migrated": (
        f"import sys\nfrom absl import app, flags\nfrom sagemaker_support import sagemaker_flags\n{DEFINED}"
        "sys.argv[1:] = sagemaker_flags(flags.FLAGS)\napp.run(print)\n",
        (5, "flags.FLAGS"),
    ),
    "an argv of its own": (f"from absl import app, flags\ndef define():\n    {DEFINED}define()\napp.run(print, ['a'])\n", None),
    "read between": (
        "import tensorflow as tf\nflags = tf.app.flags\nFLAGS = flags.FLAGS\n"
        f"flags.DEFINE_integer('a', 1, '')\nprint(FLAGS.a)\n{DEFINED}print(1)\n",
        None,
    ),
}


@pytest.mark.parametrize("case", FLAG_SITES)
def test_where_flags_are_read(case: str) -> None:
    source, expected = FLAG_SITES[case]
    sites = read(source).sites
    assert [(site.place.span.line, site.receiver_text) for site in sites] == ([expected] if expected else [])
    assert [site.argv for site in sites] == (["support" if case == "migrated" else "none"] if expected else [])


def test_the_default_of_a_flag_has_its_place() -> None:
    options = read(
        "from absl import flags\nflags.DEFINE_string(name='a', default=None, help='h')\nflags.DEFINE_enum('b', 'x', ['x', 'y'], 'h')\n"
    ).options
    assert [(o.dest, o.default, o.choices, o.default_span.column if o.default_span else 0) for o in options] == [
        ("a", None, None, 38),
        ("b", "x", ("x", "y"), 23),
    ]


def test_an_argument_that_may_be_left_out_is_not_required() -> None:
    arguments = read("import sys\na = sys.argv[1]\nb = float(sys.argv[2]) if len(sys.argv) > 2 else 0.5\n")
    assert [(o.dest, o.type, o.nargs, o.required) for o in arguments.options] == [("a", None, None, True), ("b", "float", "?", False)]


@pytest.mark.parametrize("given", ["transformers.TrainingArguments", "(Own, transformers.Seq2SeqTrainingArguments)", "(Own, More)"])
def test_the_output_folder_of_training_arguments_is_a_setting(given: str) -> None:
    source = (
        "import dataclasses\nimport transformers\n@dataclasses.dataclass\nclass Own:\n    rank: int = 4\n"
        "@dataclasses.dataclass\nclass More(transformers.TrainingArguments):\n    tag: str = 'a'\n"
        f"parser = transformers.HfArgumentParser({given})\nargs = parser.parse_args_into_dataclasses()\n"
    )
    other = source.replace(f"({given})", "(Own)")
    assert "output_dir" in {option.dest for option in find_arguments(program_of({"train.py": source})).options}
    assert "output_dir" not in {option.dest for option in find_arguments(program_of({"train.py": other})).options}
