"""Names of TensorFlow 1 in a script that gets an image with TensorFlow 2.

What it finds
    ``tf.Session``, ``tf.placeholder``, ``tf.contrib``, ``tf.app`` and others of TensorFlow 1, where what the repo asks for leads to an
    image with TensorFlow 2. Where no file asks for a version, these names lead to the last image with TensorFlow 1 instead.

Why it matters on SageMaker
    TensorFlow 2 has none of them: the job ends at the first one.

Fix and its safety
    None. ``import tensorflow.compat.v1 as tf`` with ``tf.disable_v2_behavior()`` runs most of them, and is there since 1.13;
    ``tf.contrib`` has no such way. Or ask for ``tensorflow<2`` in requirements.txt.

Source
    https://www.tensorflow.org/guide/migrate
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.used import Use
from migrate.job.held import has_version
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM515"
NAME = "tensorflow-1-name"
MOST_LINES = 10


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None:
        return
    beside = "tensorflow" in wanted.split.added  # the newest, beside another framework
    if not beside and not has_version(wanted, "tensorflow", ">=2"):
        return
    by_file: dict[str, list[Use]] = {}
    for use, versions in wanted.beside if beside else wanted.versions:
        if versions == "<2" and use.name.startswith("tensorflow."):
            by_file.setdefault(use.module.path, []).append(use)
    for uses in by_file.values():
        names = ", ".join(sorted({use.name.removesuffix(".*").replace("tensorflow.", "tf.") for use in uses}))
        lines = sorted({use.node.lineno for use in uses})
        more = ", ..." if len(lines) > MOST_LINES else ""
        where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:MOST_LINES]))}{more}"
        message = (
            f"{names} of TensorFlow 1 ({where}), and the {'job installs the newest' if beside else f'image has {wanted.image.version}'}"
        )
        contrib = any(use.name.startswith("tensorflow.contrib") for use in uses)
        way = "tf.contrib has no successor" if contrib else "tensorflow.compat.v1 runs most of it, but not before 1.13"
        reason = f"{way}; or ask for tensorflow<2 in requirements.txt"
        first = min(uses, key=lambda use: use.node.lineno)
        yield Finding(CODE, NAME, first.module.place(first.node), "error", message, "none", reason, 3)


SOURCE = """\
import tensorflow as tf

x = tf.placeholder(tf.float32)
train = tf.train.AdamOptimizer().minimize(x)
with tf.Session() as session:
    session.run(train)
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE, others={"requirements.txt": "tensorflow>=2.4\n"}),)

UNTOUCHED = (SOURCE, SOURCE.replace("import tensorflow as tf", "import tensorflow.compat.v1 as tf"))
