"""The probe itself: it has to see what a script's settings are, whatever the script imports, and to run nothing after them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.commands import usual_commands
from tests.ecosystem.probe import Case, Outcome, Start, probe
from tests.ecosystem.settings import ec2_cases, judge, merged, options_of, unchanged
from tests.ecosystem.trees import comments, touched_lines
from tests.ecosystem.writes import audit, literal_writes


def write(root: Path, **files: str) -> Path:
    """Lay out a repository: ``a__b=...`` is the file ``a/b.py``."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def settings(root: Path, *argv: str, script: str = "train.py", **more: Any) -> Outcome:
    return probe(Start(root, script, paths=(".",)), [Case("it", argv, **more)])["it"]


PLAIN = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--flag", action="store_true")
    args = parser.parse_args()
    open("/home/ubuntu/repo/went-on", "w")
"""


def test_values_keep_their_type_and_nothing_runs_after_the_parse(tmp_path: Path) -> None:
    seen = settings(write(tmp_path, train=PLAIN), "--lr", "1")
    assert seen.outcome == "parsed"
    assert seen.namespace == {"lr": ["float", "1.0"], "flag": ["bool", False]}
    assert not (tmp_path / "went-on").exists()


def test_argparse_refusing_is_an_outcome_with_its_message(tmp_path: Path) -> None:
    seen = settings(write(tmp_path, train=PLAIN), "--lr", "fast")
    assert (seen.outcome, seen.exit) == ("exit", 2)
    assert seen.message == "train.py: error: argument --lr: invalid float value: 'fast'"


@pytest.mark.parametrize(
    "use",
    [
        "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\nNet()",
        "import torch\nif int(torch.__version__.split('.')[0]) < 1: raise SystemExit(3)",
        "import torch\n@torch.no_grad()\ndef evaluate(): return 1\nassert evaluate() == 1",
        "import absent.deep as d\na, b, c = d.three()\nfor x in d.things: pass",
        "import absent\nwith absent.device('cpu') as scope: pass\nassert (absent.x + 1) * 2 != 3",
        "from absent import *\nclass Model(Layer): pass\nModel()",
        "import absent\nclass Local: pass\nclass A(absent.Base, Local): pass\nclass B(absent.Seq, A): pass\nB()",
        "import absent\ntry:\n    raise ValueError\nexcept (absent.SomeError, ValueError): pass",
        "import torch\nfrom typing import Optional\ndef f(x: Optional[torch.A]) -> torch.A | None: pass\nassert not isinstance(1, torch.A)",
        "import abc, absent\nclass A(absent.Base, metaclass=abc.ABCMeta): pass\nA()",
        "label = open('labels-that-stayed-on-ec2.txt').read().strip()\nfor line in open('also-missing.csv'): pass",
        "import os\nrows, columns = os.popen('stty size', 'r').read().split()",
    ],
)
def test_missing_modules_do_not_stop_it(tmp_path: Path, use: str) -> None:
    root = write(tmp_path, train=PLAIN)
    script = root / "train.py"
    script.write_text(f"{use}\n{script.read_text(encoding='utf-8')}", encoding="utf-8")
    seen = settings(root)
    assert seen.error is None
    assert seen.outcome == "parsed"


def test_local_modules_are_real(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        tools__train="from opts.base import make\nmake().parse_args()\n",
        opts__base="import argparse\ndef make():\n    p = argparse.ArgumentParser()\n"
        "    p.add_argument('--depth', type=int, default=3)\n    return p\n",
    )
    assert settings(root, script="tools/train.py").namespace == {"depth": ["int", 3]}


def test_options_class_that_parses_in_several_goes(tmp_path: Path) -> None:
    body = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="gan")
        known, _ = parser.parse_known_args()
        parser.add_argument("--" + known.model + "-weight", type=float, default=1.0)
        parser.parse_args()
    """
    seen = settings(write(tmp_path, train=body), "--model", "vae", "--vae-weight", "2", describe=True)
    assert len(seen.namespaces) == 2
    assert seen.namespace == {"model": ["str", "vae"], "vae_weight": ["float", "2.0"]}
    assert [option.label for option in options_of(merged(seen.parsers))] == ["--model", "--vae-weight"]


def test_argv_read_before_the_parser_is_the_cases_own(tmp_path: Path) -> None:
    body = """
        import argparse, sys
        def main(argv):
            parser = argparse.ArgumentParser()
            parser.add_argument("--n", type=int)
            parser.parse_args(argv)
        main(sys.argv[1:])
    """
    root = write(tmp_path, train=body)
    seen = probe(Start(root, "train.py"), [Case("one", ("--n", "1")), Case("two", ("--n", "2"))])
    assert [seen[name].namespace for name in ("one", "two")] == [{"n": ["int", 1]}, {"n": ["int", 2]}]


def test_bare_except_and_loops_do_not_hide_the_settings(tmp_path: Path) -> None:
    body = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--n", type=int, default=1)
        while True:
            try:
                parser.parse_args()
            except:
                pass
    """
    assert settings(write(tmp_path, train=body)).namespace == {"n": ["int", 1]}


def test_a_script_without_settings_and_one_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.ecosystem.probe.CASE_SECONDS", 0.5)
    assert settings(write(tmp_path, train="print('trained')")).outcome == "ended"
    endless = "import argparse\nargparse.ArgumentParser()\nwhile True: pass\n"
    assert settings(write(tmp_path, train=endless)).outcome == "timeout"


def test_nothing_leaves_the_sandbox(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = write(tmp_path / "repo", train=f"import socket\nopen({str(outside / 'x')!r}, 'w')\n")
    assert settings(root).outcome == "error"
    assert not list(outside.iterdir())
    root = write(tmp_path / "repo2", train="import socket\nsocket.create_connection(('192.0.2.1', 80), 1)\n")
    assert "Network is unreachable" in (settings(root).error or "")


def test_the_clock_stands_still(tmp_path: Path) -> None:
    body = """
        import argparse, time, datetime
        parser = argparse.ArgumentParser()
        parser.add_argument("--run", default=time.strftime("%H%M%S") + str(time.time()) + datetime.datetime.now().isoformat())
        parser.parse_args()
    """
    root = write(tmp_path, train=body)
    assert settings(root).namespace == settings(root).namespace


# --- settings -----------------------------------------------------------------------------------------------------------------------


MANY = """
    import argparse
    p = argparse.ArgumentParser()
    p.add_argument("data")
    p.add_argument("--lr", "--learning-rate", type=float, default=0.1)
    p.add_argument("--layers", type=int, nargs="+", default=[1])
    p.add_argument("--amp", action="store_true")
    p.add_argument("--no-bias", dest="bias", action="store_false")
    p.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
    p.add_argument("-v", action="count", default=0)
    p.parse_args({argv})
"""


def _scan(names: dict[str, str]) -> dict[str, Any]:
    told = [{"name": name, "option": option or None, "options": [option] if option else [], "dest": name} for name, option in names.items()]
    return {"hyperparameters": told, "channels": []}


NAMES = _scan({"data": "", "lr": "--lr", "layers": "--layers", "amp": "--amp", "no-bias": "--no-bias", "opt": "--opt", "v": "-v"})


def test_what_ordinary_argparse_takes_from_sagemaker(tmp_path: Path) -> None:
    """The contract: a required positional lets nothing arrive; without it only plain values do."""
    start = Start(write(tmp_path / "one", train=MANY.format(argv="")), "train.py")
    verdict = judge(start, start, [("./data", "--lr", "1")], NAMES)
    assert verdict.judged
    assert verdict.differ == []
    assert verdict.options == 7
    assert verdict.delivered == {"toolkit": 0, "v3": 0}
    start = Start(write(tmp_path / "two", train=MANY.format(argv="").replace('p.add_argument("data")', "")), "train.py")
    verdict = judge(start, start, [], NAMES)
    assert verdict.options == 6
    assert verdict.delivered == {"toolkit": 2, "v3": 2}
    assert {lost["option"] for lost in verdict.lost} == {"--layers", "--amp", "--no-bias", "-v"}


def test_each_subcommand_is_sent(tmp_path: Path) -> None:
    body = """
        import argparse, sys
        p = argparse.ArgumentParser()
        sub = p.add_subparsers(dest="command", required=True)
        sub.add_parser("fit")
        sub.add_parser("tune")
        p.parse_args([sys.argv[2]] if "--command" in sys.argv else None)
    """
    start = Start(write(tmp_path, train=body), "train.py")
    verdict = judge(start, start, [], _scan({"command": ""}))
    assert (verdict.options, verdict.delivered) == (1, {"toolkit": 1, "v3": 1})


def test_a_changed_default_and_a_new_ambiguity_are_seen(tmp_path: Path) -> None:
    before = Start(write(tmp_path / "before", train=MANY.format(argv="")), "train.py")
    changed = MANY.format(argv="").replace("default=0.1", "default=0.2")
    new = MANY.format(argv="").replace('p.add_argument("data")', 'p.add_argument("data"); p.add_argument("--layout")')
    verdict = judge(before, Start(write(tmp_path / "changed", train=changed), "train.py"), [("./data",)], NAMES)
    assert "usual 0" in {case["case"] for case in verdict.differ}
    verdict = judge(before, Start(write(tmp_path / "new", train=new), "train.py"), [], NAMES)
    assert "short --layers" in {case["case"] for case in verdict.differ}


def test_an_option_more_is_no_change(tmp_path: Path) -> None:
    one = settings(write(tmp_path / "one", train=PLAIN))
    two = settings(write(tmp_path / "two", train=PLAIN.replace("args =", 'parser.add_argument("--zone", default="")\n    args =')))
    assert unchanged(one, two)
    assert not unchanged(two, one)


def test_cases_leave_out_what_excludes_one_another(tmp_path: Path) -> None:
    body = """
        import argparse
        p = argparse.ArgumentParser()
        g = p.add_mutually_exclusive_group(required=True)
        g.add_argument("--a", type=int)
        g.add_argument("--b", type=int)
        sub = p.add_subparsers(dest="command", required=True)
        sub.add_parser("fit").add_argument("--epochs", type=int, default=3)
        p.parse_args()
    """
    root = write(tmp_path, train=body)
    seen = settings(root, describe=True)
    cases = ec2_cases(merged(seen.parsers), [])
    run = probe(Start(root, "train.py"), cases)
    refused = [name for name, outcome in run.items() if outcome.outcome == "exit" and name.startswith(("one", "all", "least"))]
    assert refused == []


# --- commands, trees, writes ----------------------------------------------------------------------------------------------------------


def test_usual_commands(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "```\n$ python tools/train.py --lr 0.1 \\\n    --name 'a b' | tee log\n```\n`python -m tools.train -v`\n", encoding="utf-8"
    )
    (tmp_path / "run.sh").write_text("python train.py $1\npython other/train.py --x\n", encoding="utf-8")
    assert usual_commands(tmp_path, "tools/train.py") == [("--lr", "0.1", "--name", "a b"), ("-v",)]


def test_comments_and_touched_lines() -> None:
    assert comments(b"a = 1  # one\n# two\n") == ["# one", "# two"]
    assert touched_lines(b"a\nb\nc\n", b"a\nB\nnew\nc\n") == {2}


def test_literal_writes_are_counted_where_their_path_is_spelt(tmp_path: Path) -> None:
    body = """
        import os, torch
        OUT = "results"
        os.makedirs(OUT)
        torch.save(model, os.path.join(OUT, "m.pt"))
        torch.save(model, args.save)
        open(f"logs/{run}.txt", "w")
        open("data.txt")
    """
    root = write(tmp_path, train=body)
    assert [(w.call, w.text) for w in literal_writes(root, ["train.py"])] == [
        ("os.makedirs", "results"),
        ("torch.save", "results"),
        ("open", "logs/"),
    ]
    after = write(tmp_path / "after", train=body.replace('OUT = "results"', 'OUT = os.environ.get("SM_MODEL_DIR", "results")'))
    seen = audit(root, after, ["train.py"], [])
    assert (seen.redirected, seen.reported, [row.split()[1] for row in seen.missed]) == (2, [], ["open('logs/')"])


def test_the_default_of_an_option_is_a_literal_write(tmp_path: Path) -> None:
    root = write(
        tmp_path / "before",
        train="import torch\nfrom opts import args\ntorch.save(model, f'{args.save_dir}/m.pt')\ntorch.save(model, args.name)\n",
        opts="import argparse\np = argparse.ArgumentParser()\np.add_argument('--save-dir', default='out')\np.add_argument('--name')\n",
    )
    assert [(w.text, w.roots) for w in literal_writes(root, ["train.py", "opts.py"])] == [("out", (("opts.py", 3),))]
    findings = [{"path": "opts.py", "line": 3, "end_line": 3}]
    assert len(audit(root, root, ["train.py", "opts.py"], findings).reported) == 1


def test_code_that_nothing_calls_writes_nothing(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        train="import helper\ndef main():\n    helper.used()\nif __name__ == '__main__':\n    main()\n    open('log.txt', 'w')\n",
        helper="def used():\n    open('used.txt', 'w')\ndef idle():\n    open('idle.txt', 'w')\n"
        "if __name__ == '__main__':\n    open('own.txt', 'w')\n",
    )
    assert [write.text for write in literal_writes(root, ["train.py", "helper.py"])] == ["used.txt", "log.txt"]
