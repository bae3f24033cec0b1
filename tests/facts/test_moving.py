"""Names that are new at each start."""

from __future__ import annotations

import ast

import pytest

from migrate.facts.model import Span
from migrate.facts.training.moving import moving_names
from tests.facts.programs import program_of

HEAD = "import os, time, uuid\nfrom datetime import datetime\nfrom pathlib import Path\nfrom torch.utils.tensorboard import SummaryWriter\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("os.makedirs('runs/' + datetime.now().strftime('%H'))\n", ["datetime.now().strftime('%H')"]),
        ("a = str(int(time.time()))\nb = os.path.join('runs', a)\n", ["str(int(time.time()))"]),
        ("name = f'{x}_{int(time.time())}'\nSummaryWriter(f'runs/{name}')\n", ["f'{x}_{int(time.time())}'"]),
        ("out = 'run_%s' % time.strftime('%H')\nPath(out).mkdir()\n", ["time.strftime('%H')"]),
        ("out = 'run_{}'.format(datetime.now())\nPath(out).mkdir()\n", ["'run_{}'.format(datetime.now())"]),
        ("args.out = args.out + str(uuid.uuid4())\nos.makedirs(args.out)\n", ["str(uuid.uuid4())"]),
        ("a = ''.join(str(time.time()).split('.'))\nopen(a + '.pt', 'wb')\n", ["str(time.time())"]),
        ("a = datetime.now().replace(second=0).timestamp()\nopen(f'{a}.pt', 'wb')\n", []),
        ("start = time.time()\nprint(f'{time.time() - start:.1f} s')\n", []),
        ("print(datetime.now().strftime('%H'))\n", []),
        ("def unused():\n    os.makedirs(time.strftime('%H'))\n", []),
        ("from sagemaker_support import same_on_restart\nos.makedirs(same_on_restart(time.strftime('%H')))\n", []),
    ],
)
def test_only_what_names_files_is_found(source: str, found: list[str]) -> None:
    assert [ast.unparse(moving.node) for moving in moving_names(program_of({"train.py": HEAD + source}))] == found


def test_unique_names_of_other_modules_are_temporary() -> None:
    other = "import os, uuid\ndef cached(folder):\n    return os.path.join(folder, 'tmp' + uuid.uuid4().hex)\n"
    assert moving_names(program_of({"train.py": "from other import cached\ncached('a')\n", "other.py": other})) == []


def test_what_stands_in_an_output_of_the_program_names_a_file() -> None:
    source = "a = str(time.time())\nprint(a)\nshow(default=a + '.pt')\n"
    program = program_of({"train.py": HEAD + source})
    (show,) = [call for call in program.main.calls() if ast.unparse(call.func) == "show"]
    outputs = [("train.py", Span.of(show.keywords[0].value))]
    assert moving_names(program) == [] and [ast.unparse(moving.node) for moving in moving_names(program, outputs)] == ["str(time.time())"]


CLOCK = "from datetime import datetime\nNOW = datetime.now().strftime('%H')\nSTART = str(datetime.now())\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import settings\nos.makedirs(os.path.join('runs', settings.NOW))\n", ["NOW"]),
        ("import settings as s\nrun = f'runs/{s.NOW}'\nos.makedirs(run)\n", ["NOW"]),
        ("from settings import NOW as n\nos.makedirs(n)\n", ["NOW"]),
        ("import settings\nprint(settings.NOW, settings.START)\n", []),
        ("import settings\nos.makedirs(other.NOW)\n", []),
        ("import settings\nNOW = 'one'\nos.makedirs(NOW)\n", []),
    ],
)
def test_a_setting_of_another_module_names_files_where_it_is_used(source: str, found: list[str]) -> None:
    program = program_of({"train.py": HEAD + source, "settings.py": CLOCK})
    names = [moving.module.statement(moving.node) for moving in moving_names(program)]
    assert [ast.unparse(name.targets[0]) for name in names if isinstance(name, ast.Assign)] == found


def test_what_is_saved_at_a_place_is_no_name_of_it() -> None:
    source = "import datetime, torch\nheld = {'date': datetime.datetime.now().isoformat()}\ntorch.save(held, 'm.pt')\n"
    assert moving_names(program_of({"train.py": source})) == []
    named = "import datetime, torch\nname = datetime.datetime.now().isoformat()\ntorch.save({}, name)\n"
    assert len(moving_names(program_of({"train.py": named}))) == 1
