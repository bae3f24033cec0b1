"""A command line that argparse does not read.

What it finds
    Settings that are read by click, fire, hydra, tyro, docopt, LightningCLI, or by running a configuration file; or by flags
    of absl or TensorFlow where the entry point neither runs nor defines them itself.

Why it matters on SageMaker
    Hyperparameters arrive as ``--name value`` with flags, booleans, lists and None written as no such library reads them. There
    is no argparse parser whose actions could tell how to write them.

Fix and its safety
    None. The script stays as it is. Start it by a command line of its own: ``SourceCode(command="python train.py ...")`` of SDK
    v3 keeps the EC2 argv. Options of the plain form ``--name value`` work as hyperparameters too; the launcher passes only those
   that it is given, since the script's own defaults hold without.

Source
    CONTRACT: ``SourceCode(command=...)``, run under the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import FOREIGN
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM212"
ADVICE = {
    "hydra": "hydra wants name=value, hyperparameters arrive as --name value: start it by SourceCode(command=...) of SDK v3",
    "exec": "the file that is run reads the command line: start the script by SourceCode(command=...) of SDK v3, which keeps the EC2 argv",
    "other": "the script reads the command line itself: start it by SourceCode(command=...) of SDK v3, which keeps the EC2 argv",
    "yacs": "the configuration is an object: give the script a parser, or pass a file with the values as a channel",
}


def check(context: Context) -> Iterator[Finding]:
    cli = context.arguments.cli
    if cli not in FOREIGN or context.arguments.sites:
        return
    place = next(place for place, reason in context.arguments.unknown if reason == cli)
    reason = ADVICE.get(
        cli, f"{cli} reads the command line itself: start the script by SourceCode(command=...) of SDK v3, which keeps the EC2 argv"
    )
    reader = cli if cli != "other" else "the script itself, or a library that is not known"
    message = f"the settings are read by {reader}, not by argparse"
    yield Finding(CODE, "unsupported-command-line", place, "warning", message, "none", reason, 3)


_CLICK = """\
import click


@click.command()
@click.option("--lr", type=float, default=0.1)
def main(lr):
    print(lr)


main()
"""

_OWN = """\
import sys

hidden = 8
lr = 0.1


class Config:
    epochs = 3

    def merge_from_args(self, args):
        for arg in args:
            key, value = arg.split("=")
            setattr(self, key[2:], int(value))


config = Config()
config.merge_from_args(sys.argv[1:])
print(hidden, lr, config.epochs)
"""
_GETOPT = """\
import getopt
import sys

lr = 0.1
for name, value in getopt.getopt(sys.argv[1:], "l:")[0]:
    lr = float(value)
print(lr)
"""
_FLAG = """\
import sys

epochs = 3
if "--short" in sys.argv:
    epochs = 1
print(epochs)
"""
_TAP = """\
from tap import Tap


class Arguments(Tap):
    lr: float = 0.1


args = Arguments().parse_args()
print(args.lr)
"""
_LIBRARIES = {
    "optparse": "parser = optparse.OptionParser()\nparser.add_option('--epochs', type='int', default=3)\noptions, _ = parser.parse_args()",
    "plac": "plac.call(print)",
    "sacred": "sacred.Experiment('a').run_commandline()",
    "omegaconf": "settings = omegaconf.OmegaConf.from_cli()",
}
_OTHERS = tuple(f"import {name}\n\nlr = 0.1\n{code}\nprint(lr)\n" for name, code in _LIBRARIES.items())

EXAMPLES = tuple(Example(before=source, after=source) for source in (_CLICK, _OWN, _GETOPT, _FLAG, _TAP, *_OTHERS))

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
""",
    """\
import click

print(click.style("done"))
""",
)
