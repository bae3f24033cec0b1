"""One fixture per fault, each told as what it is; and its good twin, of which nothing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verify.repos import (
    BOTH,
    GOOD,
    HEAD,
    READ,
    SAVE,
    SETTINGS,
    Repo,
    check,
    contract_run,
    entry_point,
    hyperparameter,
    lines,
    verdicts,
)


@BOTH
def test_a_good_script_passes_under_both(repo: Repo, engine: str) -> None:
    report = repo.verify(GOOD, styles=("toolkit", "v3"), engine=engine)
    assert verdicts(report) == {}
    assert report.exit_code == 0
    assert [(run.style, run.purpose, run.exit_code) for run in report.runs] == [
        ("toolkit", "settings", 0),
        ("toolkit", "contract", 0),
        ("v3", "settings", 0),
        ("v3", "contract", 0),
    ]
    assert contract_run(report).model_files == (("model.json", len('{"lr": 0.1, "epochs": 2}')),)
    assert contract_run(report).argv == ("--epochs", "2", "--kind", "a", "--lr", "0.1")


FLAG = HEAD.replace("args = parser", 'parser.add_argument("--flag", action="store_true")\nargs = parser') + READ + SAVE


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_a_flag_that_does_not_arrive(repo: Repo, style: str) -> None:
    entry = entry_point((*SETTINGS, hyperparameter("flag", "bool", False, line=13)))
    report = repo.verify(FLAG, entry, styles=(style,))
    found = check(report, "settings")
    assert found.verdict == "fail" and "unrecognized arguments" in found.message
    assert "train.py:13" in [evidence.where for evidence in found.evidence]
    assert check(report, "run").verdict == "fail" and contract_run(report).exit_code == 2


def test_a_flag_that_arrives(repo: Repo) -> None:
    entry = entry_point((*SETTINGS, hyperparameter("flag", "bool", False, line=13)))
    translated = FLAG.replace(
        "parser.parse_args()",
        "parser.parse_args([w for w in sys.argv[1:] if w not in ('True', 'False') and (w != '--flag' or 'True' in sys.argv)])",
    )
    assert verdicts(repo.verify(translated, entry)) == {}


def test_a_value_that_arrives_as_another(repo: Repo) -> None:
    wrong = HEAD.replace("args = parser", 'parser.add_argument("--fast", type=bool, default=True)\nargs = parser') + READ + SAVE
    entry = entry_point((*SETTINGS, hyperparameter("fast", "bool", True, line=13)))
    found = check(repo.verify(wrong, entry), "settings")
    assert [(evidence.text, evidence.where) for evidence in found.evidence] == [
        ("fast = False was sent; the script has True, not False", "train.py:13")
    ]


def test_a_setting_that_no_parser_knows(repo: Repo) -> None:
    script = GOOD.replace("parser.parse_args()", "parser.parse_known_args()[0]")
    entry = entry_point((*SETTINGS, hyperparameter("momentum", "float", 0.9)))
    found = check(repo.verify(script, entry), "settings")
    assert found.verdict == "fail" and [evidence.text.split(" ")[0] for evidence in found.evidence] == ["momentum"]


def test_choices_known_only_at_run_time_are_kept(repo: Repo) -> None:
    option = 'parser.add_argument("--arch", default="r18", choices=sorted({"r18", "r50"}))\nargs = parser'
    report = repo.verify(
        HEAD.replace("args = parser", option) + READ + SAVE, entry_point((*SETTINGS, hyperparameter("arch", "str", "r18")))
    )
    assert verdicts(report) == {}
    assert [run.hyperparameters["arch"] for run in report.runs if run.purpose == "settings"] == ["r18-x", "r50"]


CONVERTER = """
def known(text):
    if text not in ("r18", "r50"):
        raise argparse.ArgumentTypeError("no such model")
    return text

parser.add_argument("--arch", default="r18", type=known)
args = parser"""


def test_what_a_converter_refuses_is_left_at_its_default(repo: Repo) -> None:
    script = HEAD.replace("args = parser", CONVERTER) + READ + SAVE
    report = repo.verify(script, entry_point((*SETTINGS, hyperparameter("arch", "str", "r18"))))
    # the message is the converter's own: which option it was about stands before it
    assert check(report, "settings").verdict == "pass"
    assert check(report, "settings").message.endswith("since the script knows better what they may be: arch")


LOST = {
    "in the working folder": ('open("result.txt", "w").write("x")', "result.txt (1 bytes)"),
    "in a folder beside": ('os.makedirs("logs/a"); open("logs/a/b.csv", "w").write("xy")', "logs/a/b.csv (2 bytes)"),
    "above the code": ('open("../result.txt", "w").write("x")', "/opt/ml/result.txt (1 bytes)"),
    "at home": ('open(os.path.expanduser("~/result.txt"), "w").write("x")', "~/result.txt (1 bytes)"),
    "a model in the temporary folder": (
        'import tempfile; open(os.path.join(tempfile.gettempdir(), "model.pth"), "w").write("x")',
        "$TMPDIR/model.pth (1 bytes)",
    ),
    "an old file changed": ('open("train.log", "a").write("x")', "train.log (5 bytes)"),
    "by another program": ('os.system("echo x > shell.txt")', "shell.txt (2 bytes)"),
}


@pytest.mark.parametrize("name", LOST)
@BOTH
def test_a_lost_file(repo: Repo, name: str, engine: str) -> None:
    statement, text = LOST[name]
    repo.write({"train.log": "old\n"})
    script = GOOD + statement + "\n"
    report = repo.verify(script, engine=engine)
    found = check(report, "lost files")
    assert [(evidence.text, evidence.where) for evidence in found.evidence] == [(text, f"train.py:{lines(script, statement)}")]
    assert verdicts(report) == {"lost files": "fail"} and report.exit_code == 1


KEPT = {
    "a model": 'open(os.path.join(os.environ["SM_MODEL_DIR"], "b.txt"), "w").write("x")',
    "other output": 'open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "b.txt"), "w").write("x")',
    "a checkpoint": 'open(os.path.join(os.environ["SM_CHECKPOINT_DIR"], "b.txt"), "w").write("x")',
    "made and removed": 'open("b.txt", "w").write("x"); os.remove("b.txt")',
    "a cache": 'os.makedirs(os.path.expanduser("~/.cache/x")); open(os.path.expanduser("~/.cache/x/y"), "w").write("x")',
    "temporary": 'import tempfile; tempfile.NamedTemporaryFile(delete=False).write(b"x")',
    "a copy of what is kept": 'import shutil; shutil.copy(os.path.join(args.out, "model.json"), "best.json")',
    "an empty folder": 'os.makedirs("logs")',
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_not_lost(repo: Repo, name: str) -> None:
    assert verdicts(repo.verify(GOOD + KEPT[name] + "\n")) == {}


TORCH = "import torch\n"


@pytest.mark.parametrize(
    ("statement", "where"),
    [('torch.save({"w": torch.zeros(3)}, "weights.pth")', True), ('torch.save({"w": torch.zeros(3)}, args.out + "/weights.pth")', False)],
)
def test_torch_writes_from_compiled_code(repo: Repo, statement: str, where: bool) -> None:
    script = HEAD + READ + TORCH + SAVE + statement + "\n"
    found = check(repo.verify(script), "lost files")
    assert [(evidence.text.split(" ")[0], evidence.where, evidence.sure) for evidence in found.evidence] == (
        [("weights.pth", f"train.py:{lines(script, statement)}", True)] if where else []
    )


def test_torch_is_stopped_outside(repo: Repo) -> None:
    precious = repo.root / "precious.pth"
    precious.write_text("mine\n")
    report = repo.verify(HEAD + READ + TORCH + SAVE + f"torch.save(1, {str(precious)!r})\n")
    assert precious.read_text() == "mine\n" and check(report, "run").message.startswith("exit code 1: PermissionError")


def test_each_convention_gets_the_code_as_it_is(repo: Repo) -> None:
    """What the run under one convention has left in its copy of the code is not there under the next."""
    repo.write({"train.log": "old\n"})
    report = repo.verify(
        GOOD + "assert open('train.log').read() == 'old\\n'\nopen('train.log', 'a').write('x')\n", styles=("toolkit", "v3")
    )
    for style in ("toolkit", "v3"):
        assert [evidence.text for evidence in check(report, "lost files", style).evidence] == ["train.log (5 bytes)"]
    assert set(verdicts(report)) == {"lost files"}


@BOTH
def test_an_unread_channel(repo: Repo, engine: str) -> None:
    found = check(repo.verify(HEAD + SAVE, engine=engine), "channels")
    assert found.verdict == "fail" and found.message == "never read: training"
    assert [evidence.where for evidence in found.evidence] == ["train.py:11"]


@pytest.mark.parametrize(
    "read",
    [
        "os.listdir(args.data)",
        "import glob; glob.glob(args.data + '/*')",
        "import subprocess; subprocess.run(['cat', args.data + '/rows.txt'])",
        "import ctypes; ctypes.CDLL(None).open((args.data + '/rows.txt').encode(), 0)",
    ],
)
@BOTH
def test_a_channel_that_is_read_in_any_way(repo: Repo, read: str, engine: str) -> None:
    assert verdicts(repo.verify(HEAD + SAVE + read + "\n", engine=engine)) == {}


def test_a_write_into_a_channel(repo: Repo) -> None:
    statement = 'os.chmod(args.data, 0o755); open(os.path.join(args.data, "cache.bin"), "w").write("x")'
    script = GOOD + statement + "\n"
    report = repo.verify(script, styles=("toolkit", "v3"))
    for style in ("toolkit", "v3"):
        found = check(report, "read-only channels", style)
        assert [evidence.where for evidence in found.evidence] == [f"train.py:{lines(script, statement)}"]
    assert verdicts(report) == {"read-only channels": "fail"}


def test_an_empty_model_folder(repo: Repo) -> None:
    report = repo.verify(HEAD + READ)
    assert verdicts(report) == {"model": "fail"}
    assert check(report, "model").message == "the model folder is empty: model.tar.gz would hold nothing"


@BOTH
def test_exit_code_3(repo: Repo, engine: str) -> None:
    report = repo.verify(GOOD + "sys.exit(3)\n", engine=engine)
    assert verdicts(report) == {"run": "fail"} and contract_run(report).exit_code == 3
    assert check(report, "run").message.startswith("exit code 3")


@BOTH
def test_a_crash_is_told_with_its_line(repo: Repo, engine: str) -> None:
    repo.write({"helper.py": "def work():\n    return {}['missing']\n"})
    script = GOOD + "import helper\nhelper.work()\n"
    report = repo.verify(script, entry_point(closure=("train.py", "helper.py")), engine=engine)
    found = check(report, "run")
    assert found.message == "exit code 1: KeyError: 'missing'"
    assert [evidence.where for evidence in found.evidence if evidence.where] == ["helper.py:2"]


def test_what_a_crash_prevents_is_no_fault_of_its_own(repo: Repo) -> None:
    assert verdicts(repo.verify(HEAD + "raise ValueError\n")) == {"run": "fail", "channels": "not run", "model": "not run"}


@BOTH
def test_a_hang(repo: Repo, engine: str) -> None:
    report = repo.verify(GOOD + "import threading\nthreading.Event().wait()\n", timeout=2.0, engine=engine)
    assert verdicts(report) == {"run": "fail"}
    assert check(report, "run").message == "did not end within 2 s, and was stopped"
    assert contract_run(report).timed_out


@BOTH
def test_a_hang_that_ignores_sigterm(repo: Repo, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setattr("migrate.verify.follow._GRACE", 0.2)
    report = repo.verify(
        GOOD + "import signal, threading\nsignal.signal(15, signal.SIG_IGN)\nthreading.Event().wait()\n", timeout=2.0, engine=engine
    )
    assert contract_run(report).timed_out


DAEMON = """
if os.fork() == 0:
    os.setsid()
    import threading
    threading.Event().wait()
"""


@BOTH
def test_a_fork_that_outlives_its_parent(repo: Repo, engine: str) -> None:
    report = repo.verify(GOOD + DAEMON, engine=engine)
    assert verdicts(report) == {"processes": "fail"}
    assert "train.py" in check(report, "processes").evidence[0].text


@BOTH
def test_a_child_that_ends_with_its_parent(repo: Repo, engine: str) -> None:
    assert verdicts(repo.verify(GOOD + "import subprocess\nsubprocess.run(['true'])\n", engine=engine)) == {}


@BOTH
def test_a_flood_of_output(repo: Repo, engine: str) -> None:
    script = GOOD + "block = b'x' * 999 + b'\\n'\nfor _ in range(110_000):\n    os.write(1, block)\nprint('the last line')\nsys.exit(1)\n"
    report = repo.verify(script, engine=engine)
    run = contract_run(report)
    assert run.output_bytes > 100_000_000 and run.tail[-1] == "the last line" and run.log is not None
    assert Path(run.log).stat().st_size < 12 << 20


def test_absolute_paths_of_ec2(repo: Repo, tmp_path: Path) -> None:
    secret = tmp_path / "efs" / "table.csv"
    secret.parent.mkdir()
    secret.write_text("1\n")
    statement = f"open({str(secret)!r}).read()"
    script = GOOD + statement + "\n"
    report = repo.verify(script)
    found = check(report, "EC2 paths")
    assert [evidence.where for evidence in found.evidence] == [f"train.py:{lines(script, statement)}"]
    assert verdicts(report) == {"EC2 paths": "fail"}


@BOTH
def test_system_and_package_files_are_no_ec2_paths(repo: Repo, engine: str) -> None:
    good = "open('/etc/hostname').read()\nimport email.mime.text, email\nopen(email.__file__).read()\nopen('/proc/self/status').read()\n"
    assert verdicts(repo.verify(GOOD + good, engine=engine)) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "open({path!r}, 'w')",
        "open({path!r} + '.new', 'w')",
        "os.remove({path!r})",
        "import shutil; shutil.rmtree(os.path.dirname({path!r}))",
    ],
)
def test_what_would_change_things_elsewhere_is_stopped(repo: Repo, tmp_path: Path, statement: str) -> None:
    precious = repo.root / "precious.txt"
    precious.write_text("mine\n")
    script = GOOD + statement.format(path=str(precious)) + "\n"
    report = repo.verify(script)
    assert precious.read_text() == "mine\n" and not precious.with_name("precious.txt.new").exists()
    assert check(report, "EC2 paths").verdict == "fail" and contract_run(report).exit_code == 1
    assert [item.where for item in check(report, "run").evidence if item.where] == [f"train.py:{lines(script, str(precious))}"]


def test_opt_ml_is_never_made(repo: Repo) -> None:
    existed = Path("/opt/ml").exists()
    report = repo.verify(GOOD + "os.makedirs('/opt/ml/model', exist_ok=True)\n")
    assert Path("/opt/ml").exists() == existed
    assert check(report, "literal /opt/ml").evidence[0].where == f"train.py:{GOOD.count(chr(10)) + 1}"
    assert check(report, "run").verdict == "fail"


@BOTH
def test_programs_of_ec2_are_pretended(repo: Repo, engine: str) -> None:
    calls = (
        "import subprocess as s\nprint(os.system('aws s3 cp a s3://b'), os.system('sudo shutdown -h now'), s.call(['shutdown', 'now']))\n"
    )
    report = repo.verify(GOOD + calls, engine=engine)
    found = check(report, "calls")
    assert [evidence.text for evidence in found.evidence] == [
        "called: aws s3 cp a s3://b",
        "called: sudo shutdown -h now",
        "called: shutdown now",
    ]
    assert contract_run(report).tail[-1] == f"{253 << 8} 0 0" and report.exit_code == 0


def test_power_by_its_full_path_is_stopped(repo: Repo) -> None:
    report = repo.verify(GOOD + "os.system('/sbin/shutdown --help')\n")
    assert check(report, "EC2 paths").evidence[0].text == "run stopped: /sbin/shutdown --help"


@BOTH
def test_the_metadata_address_is_off(repo: Repo, engine: str) -> None:
    script = (
        GOOD + "import socket\ntry:\n    socket.create_connection(('169.254.169.254', 80), 5)\nexcept OSError as error:\n    print(error)\n"
    )
    report = repo.verify(script, engine=engine)
    assert check(report, "EC2 paths").evidence[0].text == "asks the EC2 metadata address 169.254.169.254"
    assert contract_run(report).tail[-1].endswith("the EC2 metadata address is turned off")
