"""Where paths come from, what they are for, and what they become."""

from __future__ import annotations

import os
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.facts.locations import normal, split_at
from tests.facts.programs import codes_of, paths_of

MODEL = 'os.environ.get("SM_MODEL_DIR", '
OUTPUT = 'os.environ.get("SM_OUTPUT_DATA_DIR", '


@pytest.mark.parametrize(
    ("source", "line", "code"),
    [
        ('import torch\ntorch.save({}, "model.pt")\n', 2, f'os.path.join({MODEL}""), "model.pt")'),
        ("import torch\ntorch.save({}, './out/model.pt')\n", 2, f"os.path.join({MODEL}'./out'), 'model.pt')"),
        (
            "import os, torch\nos.makedirs('out', exist_ok=True)\ntorch.save({}, 'out/model.pt')\n",
            3,
            f"os.path.join({MODEL}''), 'out/model.pt')",
        ),
        ('import torch\nDIR = "/home/ubuntu/models"\ntorch.save({}, DIR + "/m.pt")\n', 2, f'{MODEL}"/home/ubuntu/models")'),
        ('import torch\nfor e in range(3):\n    torch.save({}, "epoch_%d.pt" % e)\n', 3, f'os.path.join({MODEL}""), "epoch_%d.pt")'),
        ('import torch\nfor e in range(3):\n    torch.save({}, "e_{}.pt".format(e))\n', 3, f'os.path.join({MODEL}""), "e_{{}}.pt")'),
        (
            'import torch\nfor e in range(3):\n    torch.save({}, f"/data1/m/e_{e}.pt")\n',
            3,
            f'os.path.join({MODEL}"/data1/m"), f"e_{{e}}.pt")',
        ),
        ('open("a.txt", "w").write("x")\n', 1, f'os.path.join({OUTPUT}""), "a.txt")'),
        (
            'from pathlib import Path\nOUT = Path("results")\nOUT.mkdir(exist_ok=True)\n(OUT / "a.txt").write_text("x")\n',
            2,
            f'os.path.join({OUTPUT}""), "results")',
        ),
        ('import numpy as np\nx = np.load("data/x.npy")\n', 2, 'os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "data"), "x.npy")'),
        ('import numpy as np\nx = np.load("x.npy")\n', 2, 'os.path.join(os.environ.get("SM_CHANNEL_TRAINING", ""), "x.npy")'),
        (
            'import pandas as pd\nclass C:\n    test_dir = "/mnt/t"\npd.read_csv(C.test_dir + "/x.csv")\n',
            3,
            'os.environ.get("SM_CHANNEL_TEST", "/mnt/t")',
        ),
        (
            'import pandas as pd\ncfg = {"data_dir": "inputs/"}\npd.read_csv(cfg["data_dir"] + "x.csv")\n',
            2,
            'os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "inputs"), "")',
        ),
        ('import torch\ndef save(state, name="ck.pt"):\n    torch.save(state, name)\nsave({})\n', 2, f'os.path.join({MODEL}""), "ck.pt")'),
        ('import os\nHERE = os.path.dirname(__file__)\nopen(os.path.join(HERE, "log.csv"), "w")\n', 3, f"{OUTPUT}HERE)"),
    ],
)
def test_a_path_takes_its_default_from_the_variable(source: str, line: int, code: str) -> None:
    assert codes_of(source)[f"train.py:{line}"] == code


@pytest.mark.parametrize(
    "source",
    [
        "import tempfile, os\nopen(os.path.join(tempfile.mkdtemp(), 'x'), 'w')\n",
        "open('https://example.org/data.csv')\n",
        "print('model.pt')\n",
        "import os\nopen(os.devnull, 'w')\n",
        "def unused():\n    open('x.txt', 'w')\n",
        "name = 'mnist'\nif name == 'mnist':\n    pass\n",
        "import os\nopen(os.environ['SM_MODEL_DIR'] + '/x', 'w')\n",
        "import io\nopen = io.StringIO\nopen('text')\n",
        "import glob\nglob.glob('C:/Program Files/x/*.dll')\n",
        "import shutil\nshutil.copy('/var/log/cloud-init.log', input())\n",
        "import argparse, numpy as np\np = argparse.ArgumentParser()\np.add_argument('--data', required=True)\n"
        "np.load(p.parse_args().data)\n",
    ],
)
def test_a_look_alike_stays(source: str) -> None:
    assert codes_of(source) == {}


def test_what_is_written_and_read_again_goes_to_one_place() -> None:
    source = "import torch\ntorch.save({}, 'best.pt')\ntorch.load('best.pt')\n"
    assert set(codes_of(source).values()) == {f"os.path.join({MODEL}''), 'best.pt')"}


def test_files_of_one_folder_share_a_channel() -> None:
    paths = paths_of("import numpy as np\nnp.load('/d/m/train.npy')\nnp.load('/d/m/test.npy')\n")
    assert {(r.channel, r.root) for r in paths.redirects} == {("training", "/d/m")}


def test_folders_named_for_a_split_are_channels_of_their_own() -> None:
    source = "from torchvision.datasets import ImageFolder\nImageFolder('/d/m/train')\nImageFolder('/d/m/val')\nImageFolder('/d/m/test')\n"
    assert [r.channel for r in paths_of(source).redirects] == ["test", "train", "validation"]


def test_a_path_of_another_module_is_followed() -> None:
    files = {"train.py": "import torch\nfrom config import OUT\ntorch.save({}, OUT)\n", "config.py": "OUT = 'out/model.pt'\n"}
    assert codes_of(files) == {"config.py:1": f"os.path.join({MODEL}'out'), 'model.pt')"}


def test_an_option_without_a_default_is_required_unless_the_channel_is_there() -> None:
    source = (
        "import argparse, numpy as np\np = argparse.ArgumentParser()\np.add_argument('--data', required=True)\n"
        "a = p.parse_args()\nnp.load(a.data + '/x.npy')\n"
    )
    (redirect,) = paths_of(source).redirects
    assert (redirect.channel, redirect.folder, redirect.span) == ("training", None, None)


def test_a_file_of_the_repository_travels_with_the_code() -> None:
    source = "import json\njson.load(open('labels.json'))\n"
    assert codes_of(source, frozenset({"labels.json"})) == {}


@pytest.mark.parametrize("path", ["'cfgs/{}.yml'.format(name)", "'cfgs/%s.yml' % name", "f'cfgs/{name}.yml'", "'cfgs/' + name + '.yml'"])
def test_settings_whose_name_is_put_together_travel_too(path: str) -> None:
    assert codes_of(f"import yaml\nname = input()\nyaml.safe_load(open({path}))\n", frozenset({"cfgs/res101.yml"})) == {}


def test_an_output_option_that_names_one_file_has_no_default_to_take() -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('out_file')\nopen(p.parse_args().out_file, 'w')\n"
    (left,) = paths_of(source).left
    assert codes_of(source) == {} and left.loses and "which only the user knows" in left.reason


@pytest.mark.parametrize("name", ["'--out', required=True", "'--out'"])
def test_an_output_option_that_begins_the_names_of_files_is_no_folder(name: str) -> None:
    source = (
        f"import argparse, torch\np = argparse.ArgumentParser()\np.add_argument({name})\na = p.parse_args()\n"
        "for e in range(3):\n    torch.save({}, a.out + '.ep%d' % e)\n"
    )
    (left,) = paths_of(source).left
    assert codes_of(source) == {} and left.act == "write"
    assert codes_of(source.replace(".ep%d", "/ep%d.pt")) != {}


def test_an_input_option_that_begins_the_names_of_files_is_no_channel() -> None:
    source = (
        "import argparse, numpy as np\np = argparse.ArgumentParser()\np.add_argument('--train-prefix', required=True)\na = p.parse_args()\n"
        "x = np.load(a.train_prefix + '-x.npy')\n"
    )
    assert codes_of(source) == {} and [left.act for left in paths_of(source).left] == ["read"]


@pytest.mark.parametrize(
    ("option", "code", "told"),
    [
        ("'--train-file', required=True", "open(a.train_file)", True),
        ("'--train-file'", "pickle.load(open(a.train_file, 'rb'))", True),
        ("'corpus'", "open(a.corpus)", True),
        ("'--vocab'", "np.load(a.vocab)", True),
        ("'--config', required=True", "json.load(open(a.config))", False),
        ("'--train-file', default='config/x.json'", "open(a.train_file)", False),
    ],
)
def test_a_file_that_only_an_option_names_is_told(option: str, code: str, told: bool) -> None:
    source = (
        f"import argparse, json, pickle, numpy as np\np = argparse.ArgumentParser()\np.add_argument({option})\na = p.parse_args()\n{code}\n"
    )
    left = paths_of(source, frozenset({"config/x.json"})).left
    assert [("only the user knows" in each.reason, each.loses) for each in left] == ([(True, False)] if told else [])


def test_settings_below_a_folder_of_the_repository_travel_with_the_code() -> None:
    source = "import json, sys\nname = input()\njson.load(open(f'templates/{name}.json'))\n"
    assert codes_of(source, frozenset({"templates/a.json"})) == {}
    assert codes_of(source, frozenset({"templates/a.txt"})) != {}


def test_two_folders_that_nobody_makes_do_not_fall_together() -> None:
    paths = paths_of("import torch\ntorch.save({}, 'g/last.pt')\ntorch.save({}, 'd/last.pt')\n")
    assert [r.code() for r in paths.redirects] == [f"os.path.join({MODEL}'d'), 'last.pt')"]
    assert [(x.text, x.loses) for x in paths.left] == [("g/last.pt", True)]
    assert "nothing in the code makes its folder" in paths.left[0].reason


def test_the_tests_of_an_imported_module_say_nothing() -> None:
    loader = "import os\ndef files(root):\n    return os.listdir(root)\nif __name__ == '__main__':\n    files('/home/me/data')\n"
    assert codes_of({"train.py": "from loader import files\nprint(files(input()))\n", "loader.py": loader}) == {}


def test_the_folders_above_the_code_are_no_channel() -> None:
    assert codes_of("import os\nfor name in os.listdir(os.path.join(os.path.dirname(__file__), '../..')):\n    print(name)\n") == {}


def test_what_one_method_saves_and_another_loads_is_one_file() -> None:
    source = (
        "import torch\nclass Trainer:\n    def save(self, path='c.pt'):\n        torch.save({}, path)\n"
        "    def load(self, path='c.pt'):\n        return torch.load(path)\nTrainer().load()\n"
    )
    assert codes_of(source) == {"train.py:5": f"os.path.join({MODEL}''), 'c.pt')"}


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.save({}, 'out/model.pt')\n",
        "import torch\ndef train(out: str = './lora'):\n    torch.save({}, out + '/m.pt')\ntrain()\n",
        "import numpy as np\nfrom os.path import dirname, join\nD = join(dirname(__file__), 'data', 'x')\nnp.load(join(D, 'a.npy'))\n",
    ],
)
def test_the_job_is_the_same_after_the_edits(source: str) -> None:
    before = paths_of(source)
    lines = source.split("\n")
    for redirect in sorted(before.redirects, key=lambda r: r.place.span, reverse=True):
        assert redirect.span is not None
        row = redirect.span.line - 1
        lines[row] = lines[row][: redirect.span.column] + redirect.code() + lines[row][redirect.span.end_column :]
    after = paths_of("\n".join(["import os; " + lines[0], *lines[1:]]))
    assert not after.redirects
    told = [(m.role, m.channel, normal(m.default or "")) for m in after.migrated]
    assert told == [(r.role, r.channel, normal(r.default or "")) for r in before.redirects]


def test_a_write_that_starts_at_the_unknown_is_told_with_its_reason() -> None:
    (left,) = paths_of("import json\ncfg = json.loads(input())\nopen(cfg['out'], 'w')\n").left
    assert left.loses and left.act == "write" and "cfg" in left.reason


@pytest.mark.parametrize(
    ("call", "added"),
    [("Trainer(u, (2, 'epoch'))", True), ("Trainer(u, (2, 'epoch'), 'here')", False), ("Trainer(u, (2, 'epoch'), **options)", False)],
)
def test_an_argument_is_added_only_where_the_call_leaves_it_out(call: str, added: bool) -> None:
    paths = paths_of(f"from chainer.training import Trainer\nu, options = None, {{}}\n{call}\n")
    assert [r.argument for r in paths.redirects if r.argument is not None] == (["out"] if added else [])


def test_a_name_that_also_stands_inside_another_path_is_given_its_folder_at_each_call() -> None:
    source = "import torch\nname = 'ck_' + input() + '.pt'\ntorch.save({}, name)\ntorch.save({}, 'BEST_' + name)\n"
    assert codes_of(source) == {
        "train.py:3": f'os.path.join({MODEL}""), name)',
        "train.py:4": f"os.path.join({MODEL}\"\"), 'BEST_' + name)",
    }


def test_a_read_goes_where_the_same_file_is_written() -> None:
    source = "import os, numpy as np\nif not os.path.isfile('cache.npz'):\n    np.savez('cache.npz', a=1)\nnp.load('cache.npz')\n"
    assert set(codes_of(source).values()) == {f"os.path.join({OUTPUT}''), 'cache.npz')"}


@pytest.mark.parametrize(
    ("source", "code"),
    [  # the variable's value has no field for the name
        ("d = 'runs/%s/' % input()\nos.makedirs(d)\ntorch.save({}, d + 'x.pt')\n", f"os.path.join({MODEL}''), 'runs/%s/')"),
        ("d = '/mnt/runs/%s' % input()\nos.makedirs(d)\ntorch.save({}, d + '/x.pt')\n", f"os.path.join({MODEL}'/mnt/runs'), '%s')"),
        ("d = '/mnt/{}/x'.format(input())\nos.makedirs(d)\ntorch.save({}, d + '/x.pt')\n", f"os.path.join({MODEL}'/mnt'), '{{}}/x')"),
    ],
)
def test_the_fields_of_a_template_stay_in_it(source: str, code: str) -> None:
    assert set(codes_of("import os, torch\n" + source).values()) == {code}


@pytest.mark.parametrize("path", ["'runs/%s/x.pt' % input()", "'runs/{}/x.pt'.format(input())", "f'runs/{input()}/x.pt'"])
def test_a_folder_with_a_made_name_that_nobody_makes_is_told(path: str) -> None:
    paths = paths_of(f"import torch\ntorch.save({{}}, {path})\n")
    assert not paths.redirects
    assert [(x.loses, "nothing in the code makes its folder" in x.reason) for x in paths.left] == [(True, True)]


def test_a_property_and_what_is_assigned_to_the_namespace_later_are_followed() -> None:
    source = (
        "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--log_dir', default='logs')\n"
        "p.add_argument('--data_dir', default='data')\nargs = p.parse_args()\nargs.model_dir = os.path.join(args.log_dir, 'm')\n"
        "args.data_path = os.path.join(args.data_dir, 'x')\nopen(os.path.join(args.data_path, 'train.csv'))\n"
        "class Trainer:\n    model_dir = None\n    def __init__(self, args):\n        self.args = args\n"
        "        self.model_dir = args.model_dir\n"
        "    @property\n    def file(self):\n        return f'{self.args.model_dir}/m.pt'\n"
        "    def save(self):\n        os.makedirs(self.args.model_dir)\n        torch.save({}, self.file)\nTrainer(args).save()\n"
    )
    paths = paths_of(source)
    assert [(r.option.dest if r.option else None, r.env) for r in paths.redirects] == [
        ("log_dir", "SM_MODEL_DIR"),
        ("data_dir", "SM_CHANNEL_TRAINING"),
    ]
    assert not paths.left


def test_a_function_that_only_shares_its_name_with_another_does_not_run() -> None:
    loader = "import torch\ndef test():\n    torch.save({}, 'x.pt')\ndef load():\n    return 1\n"
    source = "from loader import load\ndef test(epoch):\n    return epoch + load()\ntest(1)\n"
    assert codes_of({"train.py": source, "loader.py": loader}) == {}
    assert codes_of({"train.py": "from loader import *\ntest()\n", "loader.py": loader}) != {}
    assert codes_of({"train.py": "from loader import test as check\ncheck()\n", "loader.py": loader}) != {}


@pytest.mark.parametrize("init", ["import data.text\n", "from .text import Corpus\n", "from . import text\n"])
def test_what_a_package_holds_is_found_by_its_attributes(init: str) -> None:
    name = "data.Corpus" if "Corpus" in init else "data.text.Corpus"
    files = {
        "train.py": f"import data\nimport numpy as np\nprint({name}('/mnt/corpus').x)\n",
        "data/__init__.py": init,
        "data/text.py": "import numpy as np\nclass Corpus:\n    def __init__(self, path):\n        self.x = np.load(path + '/x.npy')\n",
    }
    assert codes_of(files) == {"train.py:3": "os.environ.get(\"SM_CHANNEL_TRAINING\", '/mnt/corpus')"}


def test_a_path_that_is_redirected_where_it_starts_is_not_redirected_again() -> None:
    source = (
        "import argparse, os\np = argparse.ArgumentParser()\np.add_argument('--log_dir', default='logs')\n"
        "p.add_argument('--load', default='')\na = p.parse_args()\na.run = a.load or os.path.join(a.log_dir, 'x')\n"
        "path = os.path.join(a.run, 'p.json')\nopen(path, 'w')\n"
    )
    assert [r.option.dest for r in paths_of(source).redirects if r.option] == ["log_dir"] and len(paths_of(source).redirects) == 1
    again = paths_of("import os; " + source.replace("'logs'", "os.environ.get('SM_OUTPUT_DATA_DIR', 'logs')"))
    assert not again.redirects and not again.left


def test_the_first_of_joined_parts_is_given_its_folder_beside_them() -> None:
    source = (
        "import os\nimport numpy as np\nnp.load(os.path.join('data', 'train', input()))\n"
        "with open(os.path.join('data', 'logs', 'a.csv'), 'w') as f:\n    f.write('')\nos.makedirs(os.path.join('data', 'logs'))\n"
    )
    assert codes_of(source) == {
        "train.py:3": "os.environ.get(\"SM_CHANNEL_TRAINING\", 'data')",
        "train.py:4": f"{OUTPUT}''), 'data'",
        "train.py:6": f"{OUTPUT}''), 'data'",
    }


@pytest.mark.parametrize(
    ("source", "text"),
    [("D / 'a.png'", False), ("os.path.join(D, 'a.png')", False), ("D + '/a.png'", False), ("D.joinpath('a.png')", False)],
)
def test_a_name_that_stands_behind_a_folder_is_no_start(source: str, text: bool) -> None:
    codes = codes_of(f"import os, cv2\ndef save(D=''):\n    cv2.imwrite({source}, 0)\nsave(input())\nsave()\n")
    assert codes == ({"train.py:3": f'os.path.join({OUTPUT}""), {source})'} if text else {})


def test_the_default_of_an_argument_that_every_call_passes_is_no_path() -> None:
    source = "import torch\ndef strip(f='best.pt'):\n    torch.save({}, f)\nstrip('x.pt')\n"
    assert codes_of(source) == {"train.py:4": f"os.path.join({MODEL}''), 'x.pt')"}
    assert set(codes_of(source + "strip()\n")) == {"train.py:2", "train.py:4"}
    assert set(codes_of(source + "strip(*input())\n")) == {"train.py:2", "train.py:4"}


@pytest.mark.parametrize("root", ["Path(__file__).resolve().parent", "Path(__file__).parents[1]", "FILE.parents[0]", "FILE.parent.parent"])
def test_a_path_beside_the_code_starts_at_the_join(root: str) -> None:
    head = f"from pathlib import Path\nimport torch\nFILE = Path(__file__).resolve()\nROOT = {root}\n"
    source = head + "OUT = ROOT / 'runs/train'\nOUT.mkdir(exist_ok=True, parents=True)\ntorch.save({}, OUT / 'x.pt')\n"
    assert codes_of(source) == {"train.py:5": f"Path({MODEL}ROOT))"}
    source = head + "for p in (ROOT / 'inputs').glob('*.npy'):\n    torch.load(p)\n"
    assert codes_of(source) == {"train.py:5": "Path(os.environ.get(\"SM_CHANNEL_TRAINING\", ROOT / 'inputs'))"}
    assert codes_of(source, frozenset({"inputs/a.npy"})) == {}


@pytest.mark.parametrize(
    "head",
    [
        "from where import ROOT\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path\n",
        "from pathlib import Path\nROOT = Path(__file__).parent\nPath = str\n",
        "from where import ROOT\n",
    ],
)
def test_a_join_of_pathlib_is_not_written_where_its_class_has_no_sure_name(head: str) -> None:
    where = "from pathlib import Path\nROOT = Path(__file__).parent\n"
    late = "from pathlib import Path as P\n" if "Path" not in head else ""
    source = head + "OUT = ROOT / 'runs'\nOUT.mkdir(exist_ok=True)\nopen(OUT / 'x.txt', 'w')\n" + late
    paths = paths_of({"train.py": source, "where.py": where})
    assert not paths.redirects and all("has no name" in left.reason for left in paths.left) and paths.left


def test_what_a_library_makes_of_a_folder_starts_where_the_folder_does() -> None:
    source = (
        "import argparse, torch\nfrom lib import increment_path\np = argparse.ArgumentParser()\n"
        "p.add_argument('--project', default='runs/train')\na = p.parse_args()\nd = increment_path(a.project, exist_ok=True)\n"
        "torch.save({}, d / 'last.pt')\n"
    )
    assert set(codes_of(source)) == {"train.py:4"}
    again = paths_of("import os; " + source.replace("'runs/train'", "os.path.join(os.environ.get('SM_MODEL_DIR', ''), 'runs/train')"))
    assert not again.redirects and not again.left


def test_a_read_of_which_nothing_is_known_is_told_only_where_no_channel_brings_data() -> None:
    read = "import cv2\nfor f in input().split():\n    cv2.imread(f)\n"
    assert [x.act for x in paths_of(read).left] == ["read"]
    assert not paths_of("import numpy as np\nnp.load('/mnt/x.npy')\n" + read).left
    assert not paths_of("import os, numpy as np\nnp.load(os.environ.get('SM_CHANNEL_TRAINING', '/mnt/x.npy'))\n" + read).left


def test_a_folder_beside_the_code_that_the_script_reads_its_own_results_from_is_an_output() -> None:
    source = (
        "from pathlib import Path\nimport pandas as pd\nROOT = Path(__file__).parent\nD = ROOT / 'runs'\nD.mkdir(exist_ok=True)\n"
        "pd.DataFrame().to_csv(D / 'a.csv')\npd.read_csv(D / 'a.csv')\n%s"
    )
    assert codes_of(source % "") == {"train.py:4": f"Path({OUTPUT}ROOT))"}
    assert codes_of(source % "pd.read_csv(D / 'b.csv')\n") == {}


def test_an_input_beside_which_the_script_writes_stays_an_input() -> None:
    source = (
        "import argparse, torch\nfrom pathlib import Path\np = argparse.ArgumentParser()\n"
        "p.add_argument('--weights', default='models/w.pt')\nw = p.parse_args().weights\ntorch.load(w)\n"
        "open(Path(w).with_suffix('.onnx'), 'wb')\n"
    )
    paths = paths_of(source)
    assert [r.env for r in paths.redirects] == ["SM_CHANNEL_PRETRAINED"]
    told = [(x.act, x.text, x.loses, x.reason) for x in paths.left]
    assert told == [("write", "models/w.pt*", True, "it is written beside an input")]
    again = source.replace("'models/w.pt'", "os.path.join(os.environ.get('SM_CHANNEL_PRETRAINED', 'models'), 'w.pt')")
    assert [(x.act, x.text, x.loses, x.reason) for x in paths_of("import os; " + again).left] == told


def test_a_word_that_the_code_tells_from_others_is_no_path() -> None:
    source = "def build(net, weights):\n    if weights == 'imagenet':\n        return net.fetch()\n    net.load_weights(weights)\n"
    found = paths_of(source + "import keras\nbuild(keras.Model(), weights='imagenet')\n")
    assert not found.redirects and not found.left
    assert len(codes_of(source + "import keras\nbuild(keras.Model(), weights='other/net.h5')\n")) == 1


def test_settings_that_are_gone_from_a_folder_of_settings_are_no_channel() -> None:
    head = "import argparse, yaml\nparser = argparse.ArgumentParser()\nparser.add_argument('--config', default='configs/base.yml')\n"
    source = head + "args = parser.parse_args()\nyaml.load(open(args.config))\n"
    assert codes_of(source, frozenset({"configs/small.yml", "train.py"})) == {}
    assert len(codes_of(source, frozenset({"train.py", "configs/a.csv"}))) == 1


def test_settings_that_the_repository_ships_elsewhere_are_no_channel() -> None:
    source = "import yaml\ndef load(cfg='net.yaml'):\n    return yaml.safe_load(open(cfg))\nload()\n"
    assert codes_of(source, frozenset({"models/net.yaml"})) == {} and codes_of(source) != {}


def test_an_empty_folder_is_no_start_where_there_are_others() -> None:
    source = (
        "import cv2\ndef save(name, D=''):\n    for f in ['a.png', 'b.png']:\n        cv2.imwrite(D / f, 0)\nsave(1, input())\nsave(2)\n"
    )
    assert codes_of(source) == {}


def test_a_method_of_what_a_library_made_is_not_the_programs() -> None:
    source = (
        "import torch\nfrom PIL import Image\nclass Results:\n    def save(self, where):\n        torch.save({}, where)\n"
        "Results().save('a/b.pt')\nImage.open(input()).save(input(), 'models/JPEG')\n"
    )
    assert codes_of(source) == {"train.py:6": f"os.path.join({MODEL}'a'), 'b.pt')"}


def test_a_folder_that_is_read_below_is_not_the_one_that_outputs_stand_in() -> None:
    source = (
        "import os, glob, torch\nos.makedirs('data/logs')\ntorch.save({}, 'data/logs/m.pt')\n"
        "with open(os.path.join('data', 'l.csv')) as f:\n    f.read()\nglob.glob(os.path.join('data', input(), '*.jpg'))\n"
    )
    assert [(line, "CHANNEL" in code) for line, code in codes_of(source).items()] == [
        ("train.py:2", False), ("train.py:3", False), ("train.py:4", True), ("train.py:6", True),
    ]  # fmt: skip


def test_a_list_that_is_made_anew_is_no_longer_its_first_names() -> None:
    source = "import cv2\nD = input()\nfiles = ['a.png', 'b.png']\nfiles = [D / f for f in files]\nfor f in files:\n    cv2.imread(f)\n"
    assert codes_of(source) == {}


def test_a_file_beside_the_code_is_no_output_for_what_is_named_after_it() -> None:
    source = "from pathlib import Path\nW = Path(__file__).parent / 'w.pt'\nopen(W.with_suffix('.onnx'), 'wb')\n"
    paths = paths_of(source)
    assert not paths.redirects and [x.loses for x in paths.left] == [True]


def test_a_value_for_where_an_option_is_left_out_is_followed() -> None:
    source = (
        "import argparse, os, shutil, torch\np = argparse.ArgumentParser()\np.add_argument('--save')\na = p.parse_args()\n"
        "a.save = a.save or 'work/net'\nif os.path.exists(a.save):\n    shutil.rmtree(a.save)\nos.makedirs(a.save)\n"
        "torch.save({}, os.path.join(a.save, 'x.pt'))\n"
    )
    assert codes_of(source) == {"train.py:5": f"os.path.join({MODEL}''), 'work/net')"}


def test_a_write_into_a_folder_that_stays_is_not_moved_alone() -> None:
    source = (
        "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--save')\na = p.parse_args()\n"
        "os.makedirs(a.save)\ntorch.save({}, os.path.join(a.save, 'x.pt'))\n"
    )
    paths = paths_of(source)
    assert not paths.redirects and [x.act for x in paths.left] == ["make", "write"]


@pytest.mark.parametrize("handed", ["*args, **kwargs", "*args"])
def test_what_is_handed_on_whole_is_followed_to_where_it_is_given(handed: str) -> None:
    source = (
        f"import torch\ndef save_on_master({handed}):\n    if master():\n        torch.save({handed})\n"
        "save_on_master({'a': 1}, 'out/ck.pt')\ndef master():\n    return True\n"
    )
    assert codes_of(source) == {"train.py:5": f"os.path.join({MODEL}'out'), 'ck.pt')"}


def test_a_folder_that_data_are_fetched_into_is_no_output() -> None:
    source = (
        "import os, torch\nimport numpy as np\ndef fetch(root='.'):\n    open(os.path.join(root, 'x.zip'), 'wb')\n"
        "    return np.load(os.path.join(root, 'x', input()))\nfetch()\n"
    )
    assert codes_of(source) == {}
    assert codes_of(source + "def keep(root='.'):\n    torch.save({}, os.path.join(root, 'm.pt'))\nkeep()\n") != {}


FETCHED = """\
import os
from urllib.request import urlopen
def fetch(dest="photos"):
    if %s:
        os.makedirs(dest)
        with open(os.path.join(dest, "all.tar"), "wb") as file:
            file.write(%s)
    return os.path.join(dest, "all")
print(os.listdir(fetch()))
"""


def test_data_that_are_fetched_where_they_are_not_there_yet_are_a_channel() -> None:
    channel = {"train.py:3": 'os.environ.get("SM_CHANNEL_TRAINING", "photos")'}
    absent, fetched = 'not os.path.exists(os.path.join(dest, "all"))', "urlopen('https://example.com/all.tar').read()"
    paths = paths_of(FETCHED % (absent, fetched))
    assert {f"train.py:{r.place.span.line}": r.code() for r in paths.redirects} == channel and not any(x.loses for x in paths.left)
    assert "SM_CHANNEL_TRAINING" not in str(codes_of(FETCHED % (absent, "make()")))  # made by the script itself
    assert "SM_CHANNEL_TRAINING" not in str(codes_of(FETCHED % ("input()", fetched)))  # fetched again each time


def test_a_test_for_data_looks_where_the_data_are_read() -> None:
    source = (
        "import os\nimport numpy as np\ndef load(path='./cora'):\n    return np.genfromtxt(os.path.join(path, 'x.txt'))\n"
        "path = '%s'\nif not os.path.isfile(os.path.join(path, 'x.txt')):\n    fetch()\nload()\n"
    )
    channel = "os.environ.get(\"SM_CHANNEL_TRAINING\", './cora')"
    assert codes_of(source % "./cora") == {"train.py:3": channel, "train.py:5": channel}
    assert codes_of(source % "./other") == {"train.py:3": channel}


def test_what_a_star_brings_is_found() -> None:
    files = {
        "train.py": "from settings import *\nfrom data import *\nprint(Images(ROOT), args)\n",
        "settings.py": "from base import *\nimport argparse\nargs = argparse.ArgumentParser().parse_args()\n",
        "base.py": "ROOT = '/mnt/images'\n_hidden = 1\n",
        "data.py": "import os\nclass Images:\n    def __init__(self, root):\n        self.files = os.listdir(root + '/train')\n",
    }
    assert codes_of(files) == {"base.py:1": "os.environ.get(\"SM_CHANNEL_TRAINING\", '/mnt/images')"}
    own = files | {"train.py": "from settings import *\nfrom data import *\nROOT = 'x.txt'\nprint(Images(input()), ROOT)\n"}
    assert codes_of(own) == {}


def test_a_folder_that_several_splits_are_read_from_is_named_for_none() -> None:
    source = (
        "import os\nloader = list(os.listdir('/mnt/x/%s' % input()))\nval_loader = list(os.listdir('/mnt/x/%s' % input()))\n"
        "test_loader = list(os.listdir('/mnt/x/%s' % input()))\n"
    )
    assert {r.channel for r in paths_of(source).redirects} == {"training"}


@pytest.mark.parametrize("root", ["os.path.dirname(os.path.abspath(__file__))", "os.path.dirname(__file__) + '/'", "os.getcwd()"])
def test_the_folder_of_the_code_is_not_moved_as_a_whole(root: str) -> None:
    paths = paths_of(f"import os\nROOT = {root}\nopen(ROOT + 'x.txt', 'w')\n")
    assert not paths.redirects and [x.loses for x in paths.left] == [True]
    direct = "import os\nopen(os.getcwd() + '/out/x.txt', 'w')\nos.makedirs(os.getcwd() + '/out')\n"
    assert set(codes_of(direct).values()) == {f"{OUTPUT}os.getcwd())"}


def test_an_empty_default_is_a_folder_only_where_it_is_used_as_one() -> None:
    head = "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--out', default='')\na = p.parse_args()\n"
    saved = "if a.out:\n    torch.save({}, os.path.join(a.out, 'x.pt'))\n"
    assert codes_of(head + saved) == {"train.py:3": "os.environ.get(\"SM_MODEL_DIR\", '')"}
    assert codes_of(head + "if a.out == '':\n    a.out = input()\n" + saved) == {}
    assert codes_of(head + "torch.load(a.out)\n" + saved) == {}
    loose = "torch.save({}, a.out + 'x.pt')\n"
    assert codes_of(head + loose) == {"train.py:5": f"os.path.join({MODEL}\"\"), a.out + 'x.pt')"}


def test_an_option_for_a_data_folder_without_a_default_is_a_channel() -> None:
    head = "import argparse, os\np = argparse.ArgumentParser()\np.add_argument('--data-path')\na = p.parse_args()\n"
    (redirect,) = paths_of(head + "os.listdir(os.path.join(a.data_path, 'train'))\n").redirects
    assert (redirect.channel, redirect.code()) == ("training", 'os.environ.get("SM_CHANNEL_TRAINING")')
    assert not paths_of(head + "open(a.data_path + '.en')\n").redirects


def test_modules_that_import_from_each_other_end() -> None:
    files = {
        "train.py": "from a import *\nfrom b import y\nopen(y, 'w')\nopen(x, 'w')\n",
        "a.py": "from b import *\nfrom b import y as x\n",
        "b.py": "from a import *\nfrom a import x as y\n",
    }
    paths = paths_of(files)
    assert not paths.redirects and [left.loses for left in paths.left] == [True, True]


def test_what_a_function_that_does_not_run_passes_is_no_path() -> None:
    source = "import os\ndef load(root):\n    return os.listdir(root)\ndef demo():\n    load('/mnt/demo')\nload('/mnt/x')\n"
    assert set(codes_of(source)) == {"train.py:6"}


def test_a_filled_template_is_the_same_after_the_edits() -> None:
    source = "import os, torch\nd = os.path.join(os.environ.get('SM_MODEL_DIR', ''), 'runs/%s/') % input()\ntorch.save({}, d + 'x.pt')\n"
    paths = paths_of(source)
    assert not paths.redirects and not paths.left


def test_outputs_of_an_earlier_apply_have_their_part_of_the_variable() -> None:
    head = "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--out', default='out')\na = p.parse_args()\n"
    saved = "os.makedirs(a.out, exist_ok=True)\ntorch.save({}, a.out + '/x.pt')\n"
    assert codes_of(head + saved) == {"train.py:3": "os.environ.get(\"SM_MODEL_DIR\", 'out')"}
    other = "torch.save({}, os.path.join(os.environ.get('SM_MODEL_DIR', '/mnt/models'), 'x.pt'))\n"
    assert codes_of(head + saved + other) == {"train.py:3": f"os.path.join({MODEL}''), 'out')"}


def test_what_is_found_by_a_pattern_stands_in_the_folder_that_is_searched() -> None:
    source = (
        "from pathlib import Path\nimport numpy as np\nD = Path('./data/masks/')\n"
        "np.load(list(D.glob(input() + '.*'))[0])\nfor p in sorted(D.iterdir()):\n    np.load(p)\nnp.load(sorted(D.rglob('*'))[-1])\n"
    )
    paths = paths_of(source)
    assert [r.env for r in paths.redirects] == ["SM_CHANNEL_TRAINING"] and not paths.left


def test_what_lies_in_memory_is_no_path() -> None:
    source = "import six\nfrom PIL import Image\nb = six.BytesIO()\nb.write(b'')\nImage.open(b)\n"
    paths = paths_of(source)
    assert not paths.redirects and not paths.left


@pytest.mark.parametrize(
    "name", ["os.path.splitext(os.path.basename(input()))[0] + '.pt'", "'%s.pt' % os.path.split(input())[1]", "Path(input()).stem + '.pt'"]
)
def test_a_part_of_a_path_is_a_name_in_the_working_folder(name: str) -> None:
    source = f"import os, torch\nfrom pathlib import Path\nname = {name}\ntorch.save({{}}, name)\n"
    assert [(r.env, r.folder) for r in paths_of(source).redirects] == [("SM_MODEL_DIR", '""')]


def test_an_output_folder_without_a_default_takes_the_variable() -> None:
    head = "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--out'%s)\na = p.parse_args()\n"
    saved = "torch.save({}, os.path.join(a.out, 'x.pt'))\n"
    for default in ("", ", default=None"):
        (redirect,) = paths_of(head % default + saved).redirects
        assert redirect.code() == 'os.environ.get("SM_MODEL_DIR")'
    guarded = "if not os.path.isdir(a.out):\n    os.makedirs(a.out)\n"
    assert len(paths_of(head % "" + guarded + saved).redirects) == 1
    for other in ("os.makedirs(a.out)\n", "if os.path.exists(a.out):\n    raise SystemExit(1)\n", "torch.load(a.out + '/x.pt')\n"):
        assert not paths_of(head % "" + other + saved).redirects


@given(
    st.lists(st.sampled_from(["a", "b.c", "..", ".", "", "data"]), min_size=1, max_size=5).map("/".join), st.sampled_from(["", "/", "./"])
)
def test_a_split_joins_to_the_very_text(tail: str, head: str) -> None:
    text = head + tail
    for base in {normal(text), posixpath.dirname(normal(text)), ""}:
        split = split_at(text, base)
        if split is not None:
            folder, rest = split
            assert (folder if rest is None else os.path.join(folder, rest)) == text


OPENED = """\
import argparse, io, json
def reader(f, mode):
    if not isinstance(f, io.IOBase):
        f = open(f, mode=mode)
    return f
def load(f, mode="r"):
    return json.load(reader(f, mode))
parser = argparse.ArgumentParser()
parser.add_argument("--data", default="alpaca.json")
args = parser.parse_args()
load(args.data%s)
"""


def test_the_mode_of_an_open_is_followed() -> None:
    read, written = (paths_of(OPENED % mode).redirects for mode in ("", ', "w"'))
    assert [r.role for r in read] == ["channel"]
    assert [r.role for r in written] == ["data"]
    unknown = paths_of('import sys\nopen("a.txt", sys.stdin.read())\n')
    assert not unknown.redirects and any("not followed" in x.reason and x.loses for x in unknown.left)


MIDDLE = """\
import argparse, os, torch
parser = argparse.ArgumentParser()
parser.add_argument("--out", default="out")
parser.add_argument("--save", default="EXP")
args = parser.parse_args()
%s
os.mkdir(args.save)
torch.save({}, os.path.join(args.save, "m.pt"))
"""


def test_an_option_in_the_middle_of_a_name_is_none_itself() -> None:
    """It would put an absolute path into the middle of another."""
    paths = paths_of(MIDDLE % "args.save = 'eval-{}-{}'.format(args.save, args.out)")
    assert not paths.redirects and any(x.loses for x in paths.left)
    assert list(codes_of(MIDDLE % "")) == ["train.py:4"]


def test_a_folder_behind_a_dot_stays_with_all_that_is_made_below_it() -> None:
    source = MIDDLE % "args.save = os.path.join(args.out, args.save)" + "open('./{}/a.txt'.format(args.save), 'w')\n"
    assert codes_of(source) == {}


TORN = """\
import os, torch
{root}
log_dir = os.path.join(root, "logs")
os.makedirs(log_dir, exist_ok=True)
x = open(os.path.join(root, "data", "train.txt")).read()
torch.save({{}}, os.path.join(log_dir, "m.pt"))
"""


@pytest.mark.parametrize(
    "root",
    [
        'root = "/home/ubuntu/all"',
        'import argparse\np = argparse.ArgumentParser()\np.add_argument("--root", default="all")\nroot = p.parse_args().root',
        'root = os.path.join(os.path.dirname(__file__), "..")',
    ],
)
def test_what_is_read_from_and_saved_below_is_told(root: str) -> None:
    paths = paths_of(TORN.format(root=root))
    assert not paths.redirects
    assert any(x.loses and x.act == "write" for x in paths.left)


def test_a_file_that_is_opened_needs_no_ending() -> None:
    assert codes_of('print(open("words").read())\n') == {"train.py:1": 'os.path.join(os.environ.get("SM_CHANNEL_TRAINING", ""), "words")'}


def test_a_file_that_another_program_leaves_and_that_is_removed_is_no_input() -> None:
    source = 'import os\nos.system("perl bleu.pl > score")\nprint(open("score").read())\nos.remove("score")\n'
    assert codes_of(source) == {}


def test_a_file_that_is_renamed_after_it_was_read_is_no_output_folder() -> None:
    source = 'import argparse, os\np = argparse.ArgumentParser()\np.add_argument("--cfg", dest="cfg_file", required=True)\n'
    source += "a = p.parse_args()\ncfg.merge_from_file(a.cfg_file)\nos.rename(a.cfg_file, f'{a.cfg_file}_done')\n"
    assert codes_of(source) == {}


def test_a_name_that_an_unknown_object_saves_and_loads_stays() -> None:
    source = "import fastai\nlearn = make()\nlearn.save('stage-1')\nlearn.load('stage-1')\n"
    assert codes_of(source) == {}
    assert list(codes_of(source.replace("learn.load('stage-1')\n", ""))) == ["train.py:3"]


@pytest.mark.parametrize(
    "start",
    [
        "from yacs.config import CfgNode\ncfg = CfgNode()\ncfg.DIR = 'ckpt/base'\ncfg.merge_from_file('a.yaml')\nout = cfg.DIR\n",
        "import argparse, json\np = argparse.ArgumentParser()\np.add_argument('--dir', default='ckpt/base')\na = p.parse_args()\n"
        "a.__dict__.update(json.load(open('a.json')))\nout = a.dir\n",
        "import argparse, yaml\np = argparse.ArgumentParser()\np.add_argument('--dir', default='ckpt/base')\n"
        "p.set_defaults(**yaml.safe_load(open('a.yaml')))\na = p.parse_args()\nout = a.dir\n",
    ],
)
def test_a_path_that_a_file_may_set_again_is_told_as_well(start: str) -> None:
    source = start + "import os, torch\ntorch.save({}, os.path.join(out, 'm.pt'))\n"
    paths = paths_of(source)
    assert [r.role for r in paths.redirects if r.default == "ckpt/base"] == ["model"]
    assert any("may put the path of EC2 back" in x.reason and x.loses for x in paths.left)
    plain = "\n".join(
        line for line in source.split("\n") if "merge_from" not in line and "update(" not in line and "set_defaults" not in line
    )
    assert not any("back" in x.reason for x in paths_of(plain).left)


FLAGGED = """\
import os
import numpy as np
import tensorflow as tf
flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", "data", "")
flags.DEFINE_string("out", default="", help="")
OTHER = flags.DEFINE_string("test_dir", "more", "")
flags.DEFINE_string("note", "words/with/slashes", "")

def train(flags_):
    np.load(os.path.join(flags_.data_dir, "x.npy"))
    np.load(OTHER.value + "/x.npy")
    saver = tf.train.Saver()
    saver.save(tf.Session(), os.path.join(FLAGS.out, "model.ckpt"))
    print(FLAGS.note)

def main(_):
    train(FLAGS)

tf.app.run()
"""


def test_flags_are_options_of_paths() -> None:
    assert codes_of(FLAGGED) == {
        "train.py:6": 'os.environ.get("SM_CHANNEL_TRAINING", "data")',
        "train.py:7": f'{MODEL}"")',
        "train.py:8": 'os.environ.get("SM_CHANNEL_TEST", "more")',
    }


TWO_SETS = (
    "import argparse, numpy as np\np = argparse.ArgumentParser()\np.add_argument('--faces_dir', default='data/faces/images')\n"
    "p.add_argument('--moods_dir', default='data/Moods/train')\na = p.parse_args()\n"
    "np.load(a.faces_dir + '/x.npy')\nnp.load(a.moods_dir + '/x.npy')\n"
)  # fmt: skip


def test_two_data_sets_are_called_by_their_own_names() -> None:
    assert {r.channel for r in paths_of(TWO_SETS).redirects} == {
        "faces",
        "moods",
    }
    one = TWO_SETS.replace("data/Moods/train", "data/faces/masks")
    assert {r.channel for r in paths_of(one).redirects} == {"training"}


def test_the_literal_that_an_option_becomes_where_it_is_not_given_shares_its_channel() -> None:
    source = (
        "import argparse\nfrom torchvision import datasets\np = argparse.ArgumentParser()\np.add_argument('--data_folder', default=None)\n"
        "a = p.parse_args()\nif a.data_folder is None:\n    a.data_folder = './sets'\n"
        "datasets.CIFAR10(a.data_folder)\ndatasets.ImageFolder(root=a.data_folder)\n"
    )  # fmt: skip
    redirects = paths_of(source).redirects
    assert len(redirects) == 2 and len({r.channel for r in redirects}) == 1, [r.code() for r in redirects]


def test_a_file_that_some_code_looks_at_as_a_folder_stays_a_file() -> None:
    source = (
        "import torch\nfrom pathlib import Path\ndef load(w):\n    if w.endswith('.pt'):\n        return torch.load(w)\n"
        "    return list(Path(w).glob('*.xml'))\nload('data/tiny.pt')\n"
    )  # fmt: skip
    (redirect,) = paths_of(source).redirects
    assert redirect.code() == "os.path.join(os.environ.get(\"SM_CHANNEL_TRAINING\", 'data'), 'tiny.pt')".replace(
        "SM_CHANNEL_TRAINING", redirect.env
    )


def test_a_label_for_a_method_of_the_programs_own_is_no_path() -> None:
    net = "class Net:\n    def save(self, label):\n        torch.save({}, './out/' + label + '.pth')\n"
    net += "class Other:\n    def save(self, label):\n        pass\n"
    source = f"import torch\n{net}def make(one):\n    return Net() if one else Other()\nmake(1).save(%r)\n"
    assert not any("latest" in code for code in codes_of(source % "latest").values())
    keras = "from keras.models import Sequential\nmodel = Sequential()\nmodel.save('latest')\n"
    assert any("latest" in code for code in codes_of(keras).values())


def test_a_file_of_the_repository_is_not_told_as_read() -> None:
    source = "import numpy as np\nsplit = np.loadtxt('faces_split.txt')\n"
    assert not paths_of(source, shipped=frozenset({"faces_split.txt"})).left


def test_a_path_that_a_merged_file_may_set_again_is_told_after_an_apply_too() -> None:
    source = (
        "import argparse, json, os, torch\np = argparse.ArgumentParser()\np.add_argument('--out', default=%s)\n"
        "a = p.parse_args()\nif a.out:\n    p.set_defaults(**json.load(open('s.json')))\na = p.parse_args()\n"
        "os.makedirs(a.out, exist_ok=True)\ntorch.save({}, os.path.join(a.out, 'm.pt'))\n"
    )  # fmt: skip
    first = [(x.text, x.reason) for x in paths_of(source % "'./out'").left if x.act == "write"]
    assert first and "merged into the settings" in first[0][1]
    again = paths_of(source % "os.environ.get('SM_MODEL_DIR', './out')")
    assert [(x.text, x.reason) for x in again.left if x.act == "write"] == first


CHOSEN = "from torchvision import datasets\n%sdef load(big):\n%s    return make(root='./data', train=True)\nload(True)\n"


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        ("", "    if big:\n        make = datasets.CIFAR100\n    else:\n        make = datasets.CIFAR10\n"),
        ("", "    make = datasets.CIFAR100 if big else datasets.CIFAR10\n"),
        ("KINDS = {'a': datasets.CIFAR10, 'b': datasets.CIFAR100}\n", "    make = KINDS[big]\n"),
        ("KINDS = {'a': datasets.CIFAR10, 'b': datasets.CIFAR100}\n", "    make = KINDS.get(big)\n"),
        ("", "    make = getattr(datasets, big)\n"),
    ],
)
def test_a_data_set_that_is_one_of_several_brings_its_channel(before: str, inside: str) -> None:
    (redirect,) = paths_of(CHOSEN % (before, inside)).redirects
    assert redirect.code() == "os.environ.get(\"SM_CHANNEL_TRAINING\", './data')"


def test_a_class_of_the_program_that_is_one_of_several_is_followed() -> None:
    source = (
        "import numpy as np\nclass Base:\n    def __init__(self, root, size):\n        self.x = np.load(root + '/x.npy')\n"
        "class One(Base):\n    def __init__(self, *args, **kwargs):\n        super().__init__(*args, **kwargs)\n"
        "class Two(One):\n    pass\n"
        "class Trainer:\n    def __init__(self, name):\n        kinds = {'one': One, 'two': Two}\n        self.kind = kinds[name]\n"
        "        self.data = self.kind('data/faces', 3)\nTrainer('one')\n"
    )  # fmt: skip
    (redirect,) = paths_of(source).redirects
    assert redirect.code() == "os.environ.get(\"SM_CHANNEL_TRAINING\", 'data/faces')"


def test_what_is_saved_where_a_writer_of_logs_is_goes_with_it() -> None:
    source = (
        "import os, torch\nfrom torch.utils.tensorboard import SummaryWriter\nwriter = SummaryWriter()\n"
        "torch.save({}, os.path.join(writer.log_dir, 'm.pt'))\n"
    )  # fmt: skip
    paths = paths_of(source)
    assert [r.env for r in paths.redirects] == ["SM_MODEL_DIR"] and not paths.left
    logs = paths_of(source.replace("torch.save({}, ", "open(").replace("m.pt'", "log.txt'), 'w'").replace("'w'))", "'w')"))
    assert [r.env for r in logs.redirects] == ["SM_OUTPUT_DATA_DIR"] and not logs.left


def test_a_default_below_the_users_folder_is_replaced_whole() -> None:
    source = (
        "import argparse, os, torch\np = argparse.ArgumentParser()\n"
        "p.add_argument('--out', default=os.path.join(os.path.expanduser('~'), 'tmp'))\na = p.parse_args()\n"
        "where = os.path.join(a.out)\nos.makedirs(where, exist_ok=True)\ntorch.save({}, os.path.join(where, 'm.pt'))\n"
    )  # fmt: skip
    (redirect,) = paths_of(source).redirects
    assert redirect.code() == "os.environ.get(\"SM_MODEL_DIR\", os.path.join(os.path.expanduser('~'), 'tmp'))"


GIVEN = (
    "import argparse, torch\nfrom pathlib import Path\np = argparse.ArgumentParser()\np.add_argument('--resume', default=%s, type=%s)\n"
    "a = p.parse_args()\ndef load(path):\n    return torch.load(path)\n%sload(a.resume)\n"
)  # fmt: skip


@pytest.mark.parametrize(("default", "kind"), [("None", "str"), ("''", "str"), ("False", "str"), ("None", "Path")])
def test_a_file_that_only_the_user_knows_is_told_where_the_script_needs_it(default: str, kind: str) -> None:
    needed = paths_of(GIVEN % (default, kind, ""))
    assert needed.for_the_user == {"resume"} and ["resume names" in x.reason for x in needed.left] == [True]
    optional = paths_of(GIVEN % (default, kind, "if a.resume:\n    "))
    assert optional.for_the_user == {"resume"} and not optional.left


INDEX = (
    "import os, torch\nfrom PIL import Image\n"
    "class Faces(torch.utils.data.Dataset):\n    def __init__(self, root):\n        self.root = root\n"
    "        index = os.path.join(root, 'ids.pth')\n        if os.path.exists(index):\n            self.ids = torch.load(index)\n"
    "        else:\n            self.ids = os.listdir(root)\n            torch.save(self.ids, index)\n"
    "    def __getitem__(self, i):\n        return Image.open(os.path.join(self.root, 'images', self.ids[i]))\nFaces('/mnt/faces')\n"
)  # fmt: skip


def test_an_index_that_a_data_set_makes_beside_its_data_is_a_cache() -> None:
    paths = paths_of(INDEX)
    assert [r.code() for r in paths.redirects] == ["os.environ.get(\"SM_CHANNEL_TRAINING\", '/mnt/faces')"]
    assert [(x.text, x.loses, "a cache beside the data" in x.reason) for x in paths.left] == [("/mnt/faces/ids.pth", True, True)]
    again = paths_of(INDEX.replace("'/mnt/faces'", "os.environ.get('SM_CHANNEL_TRAINING', '/mnt/faces')"))
    assert [(x.text, x.reason) for x in again.left] == [(x.text, x.reason) for x in paths.left]


def test_a_model_that_is_saved_beside_data_and_loaded_again_is_no_cache() -> None:
    source = INDEX.replace("torch.save(self.ids, index)", "torch.save(self.net.state_dict(), index)")
    assert not any(r.role == "channel" for r in paths_of(source).redirects)


LISTS = (
    "import numpy as np\nfrom PIL import Image\nnp.load('/mnt/d/x.npy')\nwith open('/mnt/d/train.txt') as f:\n    lines = f.readlines()\n"
)


@pytest.mark.parametrize(
    "body",
    [
        "for line in lines:\n    Image.open(line.split()[0])\n",
        "def pick(lines, i):\n    name, label = lines[i].strip().split(' ')\n    return Image.open(name)\npick(lines[:3], 1)\n",
        "class Faces:\n    def __init__(self, path):\n        self.names = [l.strip() for l in lines]\n"
        "    def __getitem__(self, i):\n        return Image.open(self.names[i])\nFaces('x')[0]\n",
        "for line in open('/mnt/d/val.txt'):\n    Image.open(line.rstrip())\n",
    ],
)
def test_files_that_a_list_names_are_told(body: str) -> None:
    told = [x.reason for x in paths_of(LISTS + body).left]
    assert len(told) == 1 and "stands in a file that is read" in told[0], told


def test_a_name_from_a_list_below_a_known_folder_is_none() -> None:
    source = LISTS + "import os\nfor line in lines:\n    Image.open(os.path.join('/mnt/d/images', line.strip()))\n"
    assert not [x for x in paths_of(source).left if "stands in" in x.reason]


def test_a_file_that_is_looked_for_is_what_is_written_there() -> None:
    source = (
        "import os, numpy as np\nif not os.path.isfile('features.npz'):\n    np.savez('features.npz', a=1)\n"
        "held = np.load('features.npz')\n"
    )  # fmt: skip
    assert {r.role for r in paths_of(source).redirects} == {"data"}


@pytest.mark.parametrize(
    "address", ["f'https://host/{root}/x.npy'", "'https://host/' + root + '/x.npy'", "'https://host/{}/x.npy'.format(root)"]
)
def test_what_is_a_part_of_an_address_too_stays_and_is_told(address: str) -> None:
    source = "import os, urllib.request\nimport numpy as np\nroot = 'sets/faces'\n%snp.load(os.path.join(root, 'x.npy'))\n"
    fetch = f"urllib.request.urlopen({address})\n"
    paths = paths_of(source % fetch)
    assert not paths.redirects and ["an address on the network" in x.reason for x in paths.left] == [True]
    assert paths_of(source % "urllib.request.urlopen('https://host/x.npy')\n").redirects


def test_a_file_of_annotations_that_only_an_option_names_is_told() -> None:
    source = (
        "import argparse, json\nfrom pathlib import Path\np = argparse.ArgumentParser()\n"
        "p.add_argument('--annotation_path', default=None, type=Path)\na = p.parse_args()\n"
        "with a.annotation_path.open('r') as f:\n    json.load(f)\n"
    )  # fmt: skip
    assert ["annotation_path names" in x.reason for x in paths_of(source).left] == [True]


SAVED = [
    "slim = tf.contrib.slim\nslim.learning.train(op, 'ck', number_of_steps=3)\n",
    "import tf_slim\ntf_slim.learning.train(op, logdir='ck')\n",
    "with tf.train.MonitoredTrainingSession(checkpoint_dir='ck') as sess:\n    sess.run(1)\n",
    "sv = tf.train.Supervisor(logdir='ck')\n",
    "e = tf.estimator.Estimator(f, 'ck')\n",
    "c = tf.estimator.RunConfig(model_dir='ck')\n",
    "def save(saver, sess, folder):\n    saver.save(sess, folder + '/model.ckpt')\nsave(tf.train.Saver(), tf.Session(), 'ck')\n",
]


@pytest.mark.parametrize("code", SAVED)
@pytest.mark.parametrize("imported", ["import tensorflow as tf\n", "import tensorflow.compat.v1 as tf\n"])
def test_what_tensorflow_1_saves_by_itself_is_kept(imported: str, code: str) -> None:
    if "contrib" in code and "compat" in imported:
        return  # there is no contrib in it
    [new] = codes_of(imported + code).values()
    assert new in ("os.environ.get(\"SM_MODEL_DIR\", 'ck')", "os.path.join(os.environ.get(\"SM_MODEL_DIR\", ''), 'ck')")


def test_a_name_that_is_assigned_again_is_nobodys_alias() -> None:
    assert codes_of("import tensorflow as tf\nslim = tf.contrib.slim\nslim = other()\nslim.learning.train(op, 'ck')\n") == {}


METHODS = """\
import json
import tensorflow as tf

class Model:
    def save(self, sess):
        tf.train.Saver(self.vars).save(sess, "ck/%s.ckpt" % self.name)

    def load(self, sess):
        tf.train.Saver(self.vars).restore(sess, "ck/%s.ckpt" % self.name)

model = Model()
json.load(open("settings.json"))
"""


def test_a_method_is_not_called_by_a_function_of_a_library_with_its_name() -> None:
    assert codes_of(METHODS, frozenset({"settings.json"})) == {}
    assert codes_of(METHODS + "model.load(1)\n", frozenset({"settings.json"})) != {}


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/home/ubuntu/credentials.json", True),
        ("password.txt", True),
        ("conf/slack_token.txt", True),
        ("keys/deploy.pem", True),
        ("/mnt/data/tokens.txt", False),
        ("/mnt/data/tokenizer.json", False),
        ("/mnt/data/train_keys.npy", False),
    ],
)
def test_a_file_that_holds_a_secret_by_its_name_is_no_channel(path: str, secret: bool) -> None:
    paths = paths_of(f"import json\njson.load(open({path!r}))\n")
    assert [redirect.role for redirect in paths.redirects] == ([] if secret else ["channel"])
    assert ["Secrets Manager" in left.reason for left in paths.left] == ([True] if secret else [])


def test_nor_are_the_folders_where_programs_keep_them() -> None:
    source = "import os\nopen(os.path.expanduser('~/.aws/credentials')).read()\nopen('/root/.kaggle/kaggle.json').read()\n"
    assert codes_of(source) == {} and len(paths_of(source).left) == 2


def test_nor_is_an_option_that_names_one() -> None:
    option = "p.add_argument('--password-file', default='/mnt/pw.txt')\n"
    source = f"import argparse\np = argparse.ArgumentParser()\n{option}open(p.parse_args().password_file)\n"
    assert codes_of(source) == {} and "Secrets Manager" in paths_of(source).left[0].reason


ADDRESSES = [
    "'https://host/' + a.model + '/x'",
    "f'https://host/{a.model}/x'",
    "'https://host/{}'.format(a.model)",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_option_that_goes_into_an_address_keeps_its_value(address: str) -> None:
    head = (
        "import argparse, os, torch\nBASE = 'https://host/'\np = argparse.ArgumentParser()\np.add_argument('--model', default='models/a')\n"
    )
    use = "a = p.parse_args()\ntorch.load(os.path.join(a.model, 'x.pt'))\n"
    assert codes_of(head + use) != {}
    paths = paths_of(head + use + f"fetch({address})\n")
    assert paths.redirects == [] and all("address" in left.reason for left in paths.left)


def test_an_address_of_its_own_says_nothing_of_other_options() -> None:
    head = "import argparse, os, torch\np = argparse.ArgumentParser()\np.add_argument('--model', default='models/a')\n"
    head += "p.add_argument('--host', default='x')\n"
    use = "a = p.parse_args()\ntorch.load(os.path.join(a.model, 'x.pt'))\nfetch('https://' + a.host)\n"
    assert codes_of(head + use) != {}
