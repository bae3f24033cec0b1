from __future__ import annotations

import pytest

from migrate.repo.imports import Import, closure, read_imports, resolve, search_dirs
from migrate.repo.tree import find_files


def files_of(root, entry: str) -> set[str]:
    return set(closure(find_files(root), entry)[0]) - {entry}


def test_reads_every_shape_of_import() -> None:
    source = b"""import os, net.unet as u
from . import a
from ..pkg.mod import (b,  # why
    c)
from x import d, \\
    e
try: import f
except ImportError: pass
def later():
    from .g import *
import importlib; h = importlib.import_module('models.h')
if True: from i import j
"""
    assert set(read_imports(source)) == {
        Import("os", 0),
        Import("net.unet", 0),
        Import(None, 1, ("a",)),
        Import("pkg.mod", 2, ("b", "c")),
        Import("x", 0, ("d", "e")),
        Import("f", 0),
        Import("g", 1, ("*",)),
        Import("models.h", 0),
        Import("importlib", 0),
        Import("i", 0, ("j",)),
    }


def test_packages_on_the_way_run_too(make) -> None:
    root = make(
        {
            "train.py": "import pkg.sub.mod\n",
            "pkg/__init__.py": "from . import side\n",
            "pkg/side.py": "",
            "pkg/sub/__init__.py": "",
            "pkg/sub/mod.py": "",
        }
    )
    assert files_of(root, "train.py") == {"pkg/__init__.py", "pkg/side.py", "pkg/sub/__init__.py", "pkg/sub/mod.py"}


def test_namespace_packages_need_no_init(make) -> None:
    root = make(
        {
            "train.py": "from lib.net import Net\nfrom lib import data\n",
            "lib/net.py": "from .block import B\n",
            "lib/block.py": "",
            "lib/data.py": "",
        }
    )
    assert files_of(root, "train.py") == {"lib/net.py", "lib/block.py", "lib/data.py"}


def test_a_script_in_a_folder_imports_from_the_root_and_from_src(make) -> None:
    root = make(
        {"tools/train.py": "import net, core.x\nimport helper\n", "net.py": "", "src/core/x.py": "", "tools/helper.py": "", "helper.py": ""}
    )
    assert files_of(root, "tools/train.py") == {"net.py", "src/core/x.py", "tools/helper.py"}


@pytest.mark.parametrize(
    "line",
    [
        "sys.path.append('../lib')",
        "sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))",
        "sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + '/lib')",
        "sys.path.append(str(Path(__file__).resolve().parents[1] / 'lib'))",
        "here = Path(__file__).parent\nsys.path.insert(1, str(here.parent.joinpath('lib')))",
        "sys.path += ['../lib']",
        "sys.path[0:0] = [os.path.join(os.path.dirname(__file__), '../lib')]",
        "def add(p):\n    sys.path.insert(0, p)\nadd(os.path.join(os.path.dirname(__file__), '..', 'lib'))",
    ],
)
def test_sys_path_games(make, line: str) -> None:
    root = make({"tools/train.py": f"import os, sys\nfrom pathlib import Path\n{line}\nimport net\n", "lib/net.py": ""})
    assert files_of(root, "tools/train.py") == {"lib/net.py"}


def test_a_module_that_changes_sys_path_counts_for_its_importer(make) -> None:
    setup = "import os.path as osp, sys\nhere = osp.dirname(__file__)\nsys.path.insert(0, osp.join(here, 'lib'))\n"
    root = make({"train.py": "import net\nimport _paths\n", "_paths.py": setup, "lib/net.py": ""})
    files, dirs = closure(find_files(root), "train.py")
    assert set(files) == {"train.py", "_paths.py", "lib/net.py"}
    assert "lib" in dirs


def test_no_path_leads_out_of_the_tree(make, tmp_path) -> None:
    (tmp_path / "net.py").write_text("")
    root = make({"train.py": "import sys\nsys.path.append('..')\nimport net\nfrom .. import net\nfrom ....x import y\n"})
    assert files_of(root, "train.py") == set()


def test_libraries_are_no_local_files(make) -> None:
    root = make(
        {"examples/train.py": "import torch\nimport chainer\n", "chainer/__init__.py": "from chainer import core\n", "chainer/core.py": ""}
    )
    assert files_of(root, "examples/train.py") == set()
    assert files_of(root, "chainer/__init__.py") == {"chainer/core.py"}


def test_a_file_beside_the_script_hides_a_library(make) -> None:
    root = make({"train.py": "from datasets import Toy\n", "datasets.py": ""})
    assert files_of(root, "train.py") == {"datasets.py"}


def test_a_package_beside_the_script_hides_a_library_for_all_that_it_loads(make) -> None:
    root = make({"train.py": "import models\n", "models/__init__.py": "from datasets import toy\n", "datasets/__init__.py": ""})
    assert files_of(root, "train.py") >= {"models/__init__.py", "datasets/__init__.py"}


def test_links_inside_the_tree_mean_their_target(make) -> None:
    root = make({"code/net.py": "", "exp/train.py": "from shared import net\n"})
    (root / "exp" / "shared").symlink_to(root / "code")
    assert files_of(root, "exp/train.py") == {"code/net.py"}


def test_relative_levels(make) -> None:
    root = make({"a/b/c.py": "", "a/d.py": "", "a/__init__.py": ""})
    tree = find_files(root)
    assert resolve(tree, "a/b/c.py", "d", 2, ()) == "a/d.py"
    assert resolve(tree, "a/b/c.py", None, 2, ()) == "a/__init__.py"
    assert resolve(tree, "a/b/c.py", "d", 9, ()) is None
    assert search_dirs(tree, "a/b/c.py") == ("a/b", "a", "")


def test_a_closure_is_capped_and_ends_in_a_circle(make) -> None:
    root = make({f"m{i}.py": f"import m{(i + 1) % 30}\n" for i in range(30)})
    tree = find_files(root)
    assert len(closure(tree, "m0.py")[0]) == 30
    assert closure(tree, "m0.py", limit=5)[0] == ("m0.py", "m1.py", "m2.py", "m3.py", "m4.py")


def test_a_module_named_as_a_library_in_a_folder_that_the_script_adds_is_its_own(make) -> None:
    files = {"core/datasets.py": "", "core/net.py": ""}
    root = make({"train.py": "import sys\nsys.path.append('core')\nimport datasets\nimport net\n", **files})
    assert files_of(root, "train.py") == {"core/datasets.py", "core/net.py"}
    root = make({"train.py": "import datasets\n", "core/datasets.py": ""})
    assert files_of(root, "train.py") == set()
