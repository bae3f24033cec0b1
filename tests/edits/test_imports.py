"""A name that surely means the thing where it is used, and imports where imports stand."""

from __future__ import annotations

import pytest

from migrate.edits.model import AddImport
from migrate.edits.rewrite import rewrite
from tests.edits.spans import PATH, insert, name_for, replace

USES = [
    # the file has it
    ("import os\nuse\n", "os"),
    ("import os as o\nuse\n", "o"),
    ("import os, sys\nuse\n", "os"),
    ("import os.path\nuse\n", "os"),
    ("import os\ndef f():\n    use\n", "os"),
    ("import os\nclass A:\n    os = 1\n    def f(self):\n        use\n", "os"),
    ("import os\ndef f(os): pass\nuse\n", "os"),
    ("import os\n[os for os in x]\nuse\n", "os"),
    ("def f():\n    import os\n    use\n", "os"),
    ("def f():\n    import os as o\n    def g():\n        use\n", "o"),
    # it has, but not surely, or not here
    ("use\nimport os\n", "+os"),
    ("if a:\n    import os\nuse\n", "+os"),
    ("try:\n    import os\nexcept ImportError:\n    pass\nuse\n", "+os"),
    ("def f():\n    import os\nuse\n", "+os"),
    ("import os\nimport os as o\ndef f(os):\n    use\n", "o"),
    ("import os\ndef f(os):\n    use\n", "+_os"),
    ("import os\ndef f():\n    use\n    import os\n", "+_os"),
    ("import os\ndef f():\n    for os in x:\n        use\n", "+_os"),
    ("import os\n[use for os in x]\n", "+_os"),
    ("import os\nlambda os: use\n", "+_os"),
    ("import os\nclass A:\n    os = 1\n    use\n", "+_os"),
    ("import os\nos = 1\nuse\n", "+_os"),
    ("import os\ndel os\nuse\n", "+_os"),
    ("import os\ndef f():\n    global os\n    os = 1\nuse\n", "+_os"),
    ("import os\nif (os := 1): pass\nuse\n", "+_os"),
    ("import os\ntry: pass\nexcept A as os: pass\nuse\n", "+_os"),
    ("import os\nmatch a:\n    case {'x': 1, **os}: use\n", "+_os"),
    ("import os\nmatch a:\n    case [os]: use\n", "+_os"),
    ("from x import os\nuse\n", "+_os"),
    ("from . import os\nuse\n", "+_os"),
    ("import x as os\nuse\n", "+_os"),
    ("os = 1\n_os = 2\nuse\n", "+_os_2"),
    ("class os: pass\nuse\n", "+_os"),
    # nothing at all
    ("use\n", "+os"),
    ("x = a.os\nf(os=1)\nuse\n", "+os"),
    ("from x import *\nos.x\nuse\n", "+os"),
]


@pytest.mark.parametrize(("source", "want"), USES)
def test_os(source: str, want: str) -> None:
    local, add = name_for(source.encode(), "os", use="use")
    assert ("+" if add else "") + local == want
    assert add is None or add == AddImport(PATH, "os", local)


@pytest.mark.parametrize(
    ("source", "want"),
    [
        ("import os\n", "os"),
        ("import os\ndef f(os): pass\n", "+_os"),
        ("def f():\n    import os\n", "+_os"),
        ("x = 1\nimport os\n", "os"),
    ],
)
def test_without_a_place_it_must_hold_everywhere(source: str, want: str) -> None:
    local, add = name_for(source.encode(), "os")
    assert ("+" if add else "") + local == want


@pytest.mark.parametrize(
    ("source", "module", "name", "more", "want"),
    [
        ("from s import f\nuse\n", "s", "f", {}, "f"),
        ("from s import f as g\nuse\n", "s", "f", {}, "g"),
        ("from .s import f\nuse\n", "s", "f", {}, "+_f"),
        ("from .s import f\nuse\n", "s", "f", {"level": 1}, "f"),
        ("from s import *\nf()\nuse\n", "s", "f", {}, "+_f"),
        ("use\n", "s", "f", {}, "+f"),
        ("use\n", "s", "open", {}, "+_open"),
        ("import a.b as c\nuse\n", "a.b", None, {}, "c"),
        ("from a import b\nuse\n", "a.b", None, {}, "b"),
        ("import a.b\nuse\n", "a.b", None, {}, "+b"),
        ("if __package__:\n    from .s import f\nelse:\n    from s import f\nuse\n", "s", "f", {"either": True}, "f"),
    ],
)
def test_names_of_modules(source: str, module: str, name: str | None, more: dict[str, object], want: str) -> None:
    local, add = name_for(source.encode(), module, name, use="use", **more)
    assert ("+" if add else "") + local == want


PLACES = [
    (
        "stdlib, sorted",
        "import argparse\nimport time\n\nimport torch\nuse\n",
        "import argparse\nimport os\nimport time\n\nimport torch\nuse\n",
    ),
    ("stdlib, last", "import argparse\n\nimport torch\nuse\n", "import argparse\nimport os\n\nimport torch\nuse\n"),
    (
        "stdlib, not sorted",
        "import time\nimport argparse\nimport torch\nuse\n",
        "import time\nimport argparse\nimport os\nimport torch\nuse\n",
    ),
    ("no stdlib there", "# A licence\nimport torch\nuse\n", "# A licence\nimport os\nimport torch\nuse\n"),
    ("only from", "from a import b\nuse\n", "import os\nfrom a import b\nuse\n"),
    ("a docstring", '"""doc"""\nuse\n', '"""doc"""\n\nimport os\n\nuse\n'),
    ("__future__", "from __future__ import a\nuse\n", "from __future__ import a\n\nimport os\n\nuse\n"),
    (
        "__future__ and imports",
        "'doc'\nfrom __future__ import a\nimport b\nuse\n",
        "'doc'\nfrom __future__ import a\nimport os\nimport b\nuse\n",
    ),
    ("nothing above", "use\n", "import os\n\nuse\n"),
    ("a shebang", "#!/usr/bin/python\n# coding: utf-8\nuse\n", "#!/usr/bin/python\n# coding: utf-8\nimport os\n\nuse\n"),
    ("a head of comments", "# A licence\n# of mine\nuse\n", "# A licence\n# of mine\nimport os\n\nuse\n"),
    ("a comment of the code", "'doc'\n\n# does it\nuse\n", "'doc'\n\nimport os\n\n# does it\nuse\n"),
    ("code before the imports", "use\nimport a\n", "import os\n\nuse\nimport a\n"),
    (
        "never inside try",
        "try:\n    import a\nexcept E:\n    a = None\nuse\n",
        "import os\n\ntry:\n    import a\nexcept E:\n    a = None\nuse\n",
    ),
    ("the first block", "import a\nx = 1\nimport sys\nuse\n", "import os\nimport a\nx = 1\nimport sys\nuse\n"),
    ("two on a line", "import glob; import torch\nuse\n", "import glob; import os; import torch\nuse\n"),
    ("over several lines", "from a import (\n    b,\n)  # c\nuse\n", "import os\nfrom a import (\n    b,\n)  # c\nuse\n"),
    ("crlf", "import sys\r\nuse\r\n", "import os\r\nimport sys\r\nuse\r\n"),
]


@pytest.mark.parametrize(("source", "result"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES])
def test_where_an_import_goes(source: str, result: str) -> None:
    data = source.encode()
    local, add = name_for(data, "os", use="use")
    assert local == "os" and add
    changed = rewrite(data, [replace(data, "use", "use(os)"), add])
    assert changed.decode() == result.replace("\nuse", "\nuse(os)")
    # and the next one who asks finds it
    assert name_for(changed, "os", use="use(os)") == ("os", None)


def test_an_import_of_the_program_goes_last_and_one_blank_line_is_enough() -> None:
    source = b"import sys\nfrom a import b\nuse\n"
    adds = [name_for(source, "s", "f", use="use", level=1)[1], name_for(source, "os", use="use")[1]]
    assert rewrite(source, [add for add in adds if add]) == b"import os\nimport sys\nfrom a import b\nfrom .s import f\nuse\n"
    assert rewrite(b"use\n", [add for add in adds if add]) == b"import os\nfrom .s import f\n\nuse\n"
    assert rewrite(b"'doc'\nuse\n", [add for add in adds if add]) == b"'doc'\n\nimport os\nfrom .s import f\n\nuse\n"
    assert rewrite(b"", [add for add in adds if add]) == b"import os\nfrom .s import f\n"
    assert rewrite(b"# only this", [add for add in adds if add]) == b"# only this\nimport os\nfrom .s import f"


def test_names_of_one_module_come_by_one_statement() -> None:
    source = b"import a\nuse\n"
    adds = [name_for(source, "s", name, use="use", level=level)[1] for level in (0, 1) for name in ("g", "f")]
    assert rewrite(source, [add for add in adds[:2] if add]) == b"import a\nfrom s import f, g\nuse\n"
    assert rewrite(source, [add for add in adds[2:] if add]) == b"import a\nfrom .s import f, g\nuse\n"
    both = [name_for(source, "s", name, use="use", either=True)[1] for name in ("g", "f", "g")]
    changed = b"import a\nif __package__:\n    from .s import f, g\nelse:\n    from s import f, g\nuse\n"
    assert rewrite(source, [add for add in both if add]) == changed
    assert [name_for(changed, "s", name, use="use", either=True) for name in "fg"] == [("f", None), ("g", None)]


def test_in_both_forms() -> None:
    source = b"import sys\nuse\n"
    _, add = name_for(source, "s", "f", use="use", either=True)
    assert add
    changed = rewrite(source, [add])
    assert changed == b"import sys\nif __package__:\n    from .s import f\nelse:\n    from s import f\nuse\n"
    assert name_for(changed, "s", "f", use="use", either=True) == ("f", None)


def test_an_import_stands_before_statements_that_are_inserted() -> None:
    source = b"import a\nimport b\nuse\n"
    _, add = name_for(source, "s", "f")
    assert add
    assert rewrite(source, [insert(source, "import a", "f()", True), add]) == b"from s import f\nimport a\nf()\nimport b\nuse\n"
    assert rewrite(source, [insert(source, "import b", "f()", True), add]) == b"import a\nfrom s import f\nimport b\nf()\nuse\n"
    assert rewrite(source, [insert(source, "import a", "f()"), add]) == b"from s import f\nf()\nimport a\nimport b\nuse\n"
