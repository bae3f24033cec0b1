"""A command line that SageMaker's hyperparameters reach only in part.

What it finds
    A call of ``parse_args`` (or a method like it) that reads the process's own argv; or the place where flags of absl, or of
    TensorFlow 1, are read from it.

Why it matters on SageMaker
    Hyperparameters arrive as ``--name text``, written in one way by the toolkit and in another by the v3 drivers. Flags, lists,
    positionals, booleans, None and names with dashes do not survive either.

Fix and its safety
    Safe. Only the argv of this call changes: ``parser.parse_args(sagemaker_argv(parser))``. Under SageMaker the support module
    writes the command line that the parser expects, from the parser's own actions; elsewhere it hands back ``sys.argv[1:]``.
    Flags are read from ``sys.argv`` itself, so that is put in order before: ``sys.argv[1:] = sagemaker_flags(FLAGS)``.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import hooks
from migrate.rules.model import Finding

CODE = "SM200"


def check(context: Context) -> Iterator[Finding]:
    for hook in hooks(context):
        message = "hyperparameters arrive here as SageMaker writes them, not as this parser reads them"
        yield Finding(CODE, "untranslated-settings", hook.site.place, "warning", message, hook.fix, hook.reason, edits=hook.edits)


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(sagemaker_argv(parser))
""",
    ),
    Example(
        before="""\
import argparse


def get_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser


if __name__ == "__main__":
    args, rest = get_parser().parse_known_args()
""",
        after="""\
import argparse
from sagemaker_support import parse_args


def get_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser


if __name__ == "__main__":
    args, rest = parse_args(get_parser(), "parse_known_args")
""",
    ),
    Example(
        before="""\
import argparse
import sys


def parse_args(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser.parse_args(argv)


if __name__ == "__main__":
    args = parse_args(sys.argv[1:])
""",
        after="""\
import argparse
import sys
from sagemaker_support import sagemaker_argv


def parse_args(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    return parser.parse_args(sagemaker_argv(parser, argv))


if __name__ == "__main__":
    args = parse_args(sys.argv[1:])
""",
    ),
    Example(
        before="""\
from absl import app, flags

flags.DEFINE_float("lr", 0.1, "The learning rate.")


def main(_):
    print(flags.FLAGS.lr)


if __name__ == "__main__":
    app.run(main)
""",
        after="""\
import sys
from absl import app, flags
from sagemaker_support import sagemaker_flags

flags.DEFINE_float("lr", 0.1, "The learning rate.")


def main(_):
    print(flags.FLAGS.lr)


if __name__ == "__main__":
    sys.argv[1:] = sagemaker_flags(flags.FLAGS)
    app.run(main)
""",
    ),
    Example(
        before="""\
import tensorflow as tf

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 10, "How many.")

for step in range(FLAGS.steps):
    print(step)
""",
        after="""\
import sys
import tensorflow as tf
from sagemaker_support import sagemaker_flags

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 10, "How many.")

sys.argv[1:] = sagemaker_flags(FLAGS)
for step in range(FLAGS.steps):
    print(step)
""",
    ),
)

UNTOUCHED = (
    """\
from absl import app, flags

flags.DEFINE_float("lr", 0.1, "The learning rate.")
app.run(print, argv=["train.py", "--lr=0.2"])
""",
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(["--lr", "0.2"])
""",
    """\
import urllib.parse

parser = object()


def parse_args():
    return urllib.parse.urlparse("file:///a")


args = parse_args()
""",
    """\
import argparse


def never_called():
    return argparse.ArgumentParser().parse_args()


print("no settings")
""",
)
