# ruff: noqa: E501
"""Classes and functions that a table gives by a name, the dictionaries that hand them their arguments, and what then runs."""

from __future__ import annotations

import pytest

from migrate.facts.training.resume import find_resumes
from tests.facts.programs import codes_of, paths_of, program_of

SETS = """\
import os
import pandas


class One:
    folder = "one"

    def __init__(self, root="", **kwargs):
        self.folder = os.path.join(os.path.expanduser(root), self.folder)
        self.rows = pandas.read_csv(os.path.join(self.folder, "a.csv"))


class Two(One):
    folder = "two"


"""
TABLES = [
    "SETS = {'one': One, 'two': Two}\n\n\ndef build(name, **kwargs):\n    return SETS[name](**kwargs)\n",
    "SETS = {'one': One}\nSETS['two'] = Two\n\n\ndef build(name, **kwargs):\n    made = SETS.get(name)\n    return made(**kwargs)\n",
    "SETS = dict(one=One, two=Two)\n\n\ndef build(name, **kwargs):\n    kind = One if name == 'one' else Two\n    return kind(**kwargs)\n",
    "SETS = [One, Two]\n\n\ndef build(name, root):\n    kwargs = {'size': 3}\n    kwargs['root'] = root\n    return SETS[0](**kwargs)\n",
    "def settings(root):\n    return dict(root=root, size=3)\n\n\ndef build(name, root):\n    return {'one': One, 'two': Two}[name](**settings(root))\n",
]
HEAD = "import argparse\nfrom sets import build\nparser = argparse.ArgumentParser()\nparser.add_argument('--root', default='reid')\n"


@pytest.mark.parametrize("table", TABLES)
def test_a_root_that_is_handed_on_to_a_class_from_a_table(table: str) -> None:
    files = {"train.py": HEAD + "args = parser.parse_args()\nbuild('one', root=args.root)\n", "sets.py": SETS + table}
    assert list(codes_of(files)) == ["train.py:4"]


def test_options_that_are_spread_are_what_they_name() -> None:
    files = {"train.py": HEAD + "args = parser.parse_args()\nbuild('one', **vars(args))\n", "sets.py": SETS + TABLES[0]}
    assert list(codes_of(files)) == ["train.py:4"]


def test_what_is_stored_in_the_object_that_is_spread() -> None:
    stored = "from easydict import EasyDict\nfrom sets import build\nargs = EasyDict()\nargs.root = 'reid'\nbuild('one', **args)\n"
    assert list(codes_of({"train.py": stored, "sets.py": SETS + TABLES[0]})) == ["train.py:4"]


def test_what_an_unknown_dictionary_may_give_is_no_default() -> None:
    files = {"train.py": "import json\nfrom sets import build\nbuild('one', **json.load(open('a.json')))\n", "sets.py": SETS + TABLES[0]}
    found = paths_of(files)
    assert not [r for r in found.redirects if r.place.path == "sets.py"]
    assert any("spread dictionary" in left.reason for left in found.left)


def test_the_default_stays_where_a_call_leaves_it_out() -> None:
    files = {"train.py": "from sets import One\nOne()\n", "sets.py": SETS}
    assert list(codes_of(files)) == ["sets.py:6", "sets.py:14"]


def test_a_class_that_nothing_makes_reads_nothing() -> None:
    dead = "\n\nclass Manager:\n    def __init__(self, root=''):\n        super().__init__()\n        build('one', root=root)\n"
    files = {"train.py": "import sets\n", "sets.py": SETS + TABLES[0] + dead}
    found = paths_of(files)
    assert not found.redirects and not found.left


def test_an_extension_in_a_function_that_nothing_calls_does_not_run() -> None:
    text = "import chainer\n\n\ndef unused(dst):\n    @chainer.training.make_extension()\n    def inner(trainer):\n        open(dst + '/a.txt', 'w')\n    return inner\n"
    assert paths_of({"train.py": "import more\n", "more.py": text}).left == []
    assert len(paths_of({"train.py": "import more\nmore.unused(more.x)\n", "more.py": text}).left) == 1


def test_the_attribute_of_a_settings_object_is_what_is_stored_under_the_same_name() -> None:
    source = "import settings\ncfg = settings.get()\nopen(cfg.data.root + '/a.csv')\nclass A:\n    def __init__(self, root):\n        self.root = root\n"
    files = {
        "train.py": source,
        "settings.py": "from yacs import CfgNode\ndef get():\n    cfg = CfgNode()\n    cfg.data.root = 'reid'\n    return cfg\n",
    }
    assert list(codes_of(files)) == ["settings.py:4"]


def test_a_package_that_imports_its_own_modules_by_its_own_name() -> None:
    files = {
        "train.py": "import lib\nlib.data.read('there')\n",
        "lib/__init__.py": "from lib import data\n",
        "lib/data.py": "def read(root=''):\n    open(root + '/a.csv')\n",
    }
    assert list(codes_of(files)) == ["train.py:2"]


def test_a_loop_in_a_function_from_a_table_is_found_to_be_called() -> None:
    source = """\
import sys, torch

def fit(epochs):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        optimizer.zero_grad()
        model(torch.ones(4, 2)).mean().backward()
        optimizer.step()

def other(epochs):
    pass

WAYS = {'fit': fit, 'other': other}
WAYS[sys.argv[1]](3)
"""
    (found,) = find_resumes(program_of({"train.py": source}))
    assert found.refused is None and found.objects == ("model", "optimizer")


AGENTS = """\
import torch


class One:
    def __init__(self):
        self.net = torch.nn.Linear(2, 1)

    def save(self, name):
        torch.save(self.net.state_dict(), name + "_net")


class Two(One):
    def save(self, name):
        torch.save(self.net.state_dict(), name + "_two")
"""


def test_a_method_of_one_of_several_classes_gets_what_the_call_passes() -> None:
    source = (
        "import sys\nfrom agents import One, Two\nif sys.argv[1:]:\n    agent = One()\nelse:\n    agent = Two()\nagent.save('./models/a')\n"
    )
    found = paths_of({"train.py": source, "agents.py": AGENTS})
    assert [r.place.path for r in found.redirects] == ["train.py"] and not found.left
