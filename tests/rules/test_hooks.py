"""The hook on the parse call: every form of the call, and the import that fits how the file is loaded."""

from __future__ import annotations

import pytest

from migrate.rules.base import all_rules
from tests.rules.harness import apply, check

RULE = next(rule for rule in all_rules() if rule.code == "SM200")
PARSER = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr')\n"
IMPORT = "import argparse\nfrom sagemaker_support import sagemaker_argv\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr')\n"


def after(sources: dict[str, str], entry: str = "train.py", as_module: bool = False) -> dict[str, str]:
    return apply(check(RULE, sources, entry, as_module), sources)


FORMS = {
    "args = parser.parse_args()\n": "args = parser.parse_args(sagemaker_argv(parser))\n",
    "args = parser.parse_args(None)\n": "args = parser.parse_args(sagemaker_argv(parser))\n",
    "args, rest = parser.parse_known_args( )\n": "args, rest = parser.parse_known_args( sagemaker_argv(parser))\n",
    "args = parser.parse_args(namespace=object())\n": "args = parser.parse_args(sagemaker_argv(parser), namespace=object())\n",
    "import sys\nargs = parser.parse_args(args=sys.argv[1:])\n": "import sys\nargs = parser.parse_args(args=sagemaker_argv(parser))\n",
    "import sys\nrest = sys.argv[1:]\nargs = parser.parse_args(rest)\n": (
        "import sys\nrest = sys.argv[1:]\nargs = parser.parse_args(sagemaker_argv(parser, rest))\n"
    ),
    "print(vars(parser.parse_args()))  # all\n": "print(vars(parser.parse_args(sagemaker_argv(parser))))  # all\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_the_call(form: str) -> None:
    assert after({"train.py": PARSER + form})["train.py"] == IMPORT + FORMS[form]


UNTOUCHED = [
    "args = parser.parse_args([])\n",
    "import sys\nargs = parser.parse_args(sys.argv[2:])\n",
    "def f():\n    return parser.parse_args()\n",
]


@pytest.mark.parametrize("form", UNTOUCHED)
def test_what_does_not_read_the_own_argv_stays(form: str) -> None:
    assert check(RULE, {"train.py": PARSER + form}) == []


def test_a_parser_held_by_an_object() -> None:
    source = """import argparse
class Options:
    def __init__(self):
        self.parser = argparse.ArgumentParser()
    def parse(self):
        return self.parser.parse_args()
opt = Options().parse()
"""
    assert "        return self.parser.parse_args(sagemaker_argv(self.parser))\n" in after({"train.py": source})["train.py"]


def test_a_subclass_that_parses_by_super() -> None:
    source = """import argparse
class Parser(argparse.ArgumentParser):
    def parse(self):
        return super().parse_args()
opt = Parser().parse()
"""
    assert "        return super().parse_args(sagemaker_argv(self))\n" in after({"train.py": source})["train.py"]


def test_dataclasses_of_transformers() -> None:
    source = """from dataclasses import dataclass
from transformers import HfArgumentParser
@dataclass
class Args:
    lr: float = 0.1
parser = HfArgumentParser(Args)
(args,) = parser.parse_args_into_dataclasses()
"""
    changed = after({"train.py": source})["train.py"]
    assert "(args,) = parser.parse_args_into_dataclasses(sagemaker_argv(parser))\n" in changed


def test_a_name_that_clashes_gets_another() -> None:
    source = """import argparse
def parse_args():
    return make().parse_args()
def make():
    return argparse.ArgumentParser()
args = parse_args()
"""
    changed = after({"train.py": source})["train.py"]
    assert "from sagemaker_support import parse_args as _parse_args\n" in changed
    assert "    return _parse_args(make())\n" in changed


def test_a_parser_made_in_the_call_with_arguments_of_its_own_is_told() -> None:
    (finding,) = check(RULE, {"train.py": "import argparse\nargs = argparse.ArgumentParser().parse_args(namespace=object())\n"})
    assert (finding.fix, finding.edits) == ("none", ())
    assert finding.reason is not None and "give the parser a name" in finding.reason


ABSOLUTE = "from sagemaker_support import sagemaker_argv\n"
RELATIVE = "from .sagemaker_support import sagemaker_argv\n"
EITHER = f"if __package__:\n    {RELATIVE}else:\n    {ABSOLUTE}"
MODULE = PARSER + "args = parser.parse_args()\n"


@pytest.mark.parametrize(
    ("sources", "entry", "path", "form"),
    [
        ({"train.py": MODULE}, "train.py", "train.py", ABSOLUTE),
        ({"tools/train.py": MODULE}, "tools/train.py", "tools/train.py", ABSOLUTE),
        ({"train.py": "import config\n", "config.py": MODULE}, "train.py", "config.py", ABSOLUTE),
        ({"train.py": "from conf import config\n", "conf/config.py": MODULE}, "train.py", "conf/config.py", RELATIVE),
        ({"train.py": "import conf.config\n", "conf/config.py": MODULE}, "train.py", "conf/config.py", RELATIVE),
        (
            {"train.py": "import conf\n", "conf/__init__.py": "from . import config\n", "conf/config.py": MODULE},
            "train.py",
            "conf/config.py",
            RELATIVE,
        ),
        ({"train.py": "from conf import args\n", "conf/__init__.py": MODULE}, "train.py", "conf/__init__.py", RELATIVE),
        ({"pkg/__init__.py": "", "pkg/train.py": MODULE}, "pkg/train.py", "pkg/train.py", EITHER),
        (
            {"pkg/train.py": "import config\nfrom pkg import other\n", "pkg/other.py": "from pkg import config\n", "pkg/config.py": MODULE},
            "pkg/train.py",
            "pkg/config.py",
            EITHER,
        ),
    ],
)
def test_the_import_fits_how_the_file_is_loaded(sources: dict[str, str], entry: str, path: str, form: str) -> None:
    assert form in after(sources, entry)[path].replace(EITHER, EITHER if form == EITHER else "")
    folder = path.rpartition("/")[0]
    assert f"{folder}/sagemaker_support.py".lstrip("/") in after(sources, entry)


def test_a_module_that_only_starts_as_a_member_is_given_that_form() -> None:
    changed = after({"pkg/train.py": "from . import other\n" + MODULE, "pkg/other.py": ""}, "pkg/train.py", as_module=True)["pkg/train.py"]
    assert RELATIVE in changed and "__package__" not in changed


def test_a_module_started_by_dash_m() -> None:
    assert EITHER in after({"pkg/train.py": MODULE}, "pkg/train.py", as_module=True)["pkg/train.py"]
    assert EITHER not in after({"train.py": MODULE}, "train.py", as_module=True)["train.py"]


def test_two_parse_calls_are_both_mended() -> None:
    source = PARSER + "known, _ = parser.parse_known_args()\nparser.add_argument('--late')\nargs = parser.parse_args()\n"
    changed = after({"train.py": source})["train.py"]
    assert changed.count("(sagemaker_argv(parser))") == 2
    assert changed.count("import sagemaker_argv") == 1
