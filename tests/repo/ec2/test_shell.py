"""The shell as it is followed: words, variables, branches, loops, folders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.repo.ec2.shell import Shell
from migrate.repo.ec2.words import State, Word


def ran(text: str, *arguments: str) -> list[list[str]]:
    state = State(arguments=tuple(map(Word, arguments)) if arguments else None)
    return [[word.text for word in each.words] for each in Shell(text).run(state) if each.name == "p"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p a 'b c' \"d e\" f\\ g", [["p", "a", "b c", "d e", "f g"]]),
        ("X=1; p $X ${X} \"a${X}b\" a$X'$X'", [["p", "1", "1", "a1b", "a1$X"]]),
        ("A='--lr 0.1  --n 2'; p $A \"$A\"", [["p", "--lr", "0.1", "--n", "2", "--lr 0.1  --n 2"]]),
        ("A=(x 'y z'); A+=(w); p \"${A[@]}\"", [["p", "x", "y z", "w"]]),
        ("p ${LR:-0.1} ${N-3} ${M:=4} $M", [["p", "0.1", "3", "4", "4"]]),
        ("LR=; p ${LR:-0.1} a${LR-b}", [["p", "0.1", "a"]]),
        ('E=; p $E x "$E"', [["p", "x", ""]]),
        ("for i in 1 2; do p $i; done", [["p", "1"], ["p", "2"]]),
        ("for i in $(seq 2 4) ; do p --n $i; done", [["p", "--n", "2"], ["p", "--n", "3"], ["p", "--n", "4"]]),
        ("for i in {1..2}; do for j in a b; do p $i$j; done; done", [["p", "1a"], ["p", "1b"], ["p", "2a"], ["p", "2b"]]),
        ("for ((i=0; i<2; i++)); do p $i; done", [["p", "0"], ["p", "1"]]),
        ("N=4; p $((N*2+1)) $(( $N / 2 ))", [["p", "9", "2"]]),
        ("f() { p $1 $2; }; f a b; f c d", [["p", "a", "b"], ["p", "c", "d"]]),
        ("f() { p $1; }", [["p", "$1"]]),
        ('if [ -z "$LR" ]; then LR=0.1; fi; p $LR', [["p", "0.1"]]),
        ('LR=3; [ -n "$LR" ] && p $LR', [["p", "3"]]),
        ("LR=1; while [ $# -gt 0 ]; do case $1 in --lr) LR=$2; shift;; esac; shift; done; p $LR", [["p", "1"]]),
        ("if [ $# -lt 1 ]; then echo usage; exit 1; fi; p $1", [["p", "$1"]]),
        ("if x; then p a; elif y; then p b; else p c; fi", [["p", "a"], ["p", "b"], ["p", "c"]]),
        ("case $1 in a) p 1;; *) p 2;; esac", [["p", "1"], ["p", "2"]]),
        ("F=a/b.json; p ${F%.*} ${F##*/} $(basename $F) $(dirname $F)", [["p", "a/b", "b.json", "b.json", "a"]]),
        ("export X=1 Y=2; p $X$Y", [["p", "12"]]),
        ("X=1; unset X; p $X", [["p", "$X"]]),
        ("A=1; B=2; X=$A/$B/c/$A; export Y=$A/$B/d; p $X $Y", [["p", "1/2/c/1", "1/2/d"]]),
        ('A=1; X="$A  $A $A"; p "$X"', [["p", "1  1 1"]]),
        ("p a \\\n  b \\\n  c", [["p", "a", "b", "c"]]),
        ("p a > log 2>&1 &", [["p", "a"]]),
        ("p a # not b", [["p", "a"]]),
        ("set -- x y; p $2", [["p", "y"]]),
        ('D=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd); p $D/x', [["p", "./x"]]),
    ],
)
def test_words_as_the_shell_makes_them(text: str, words: list[list[str]]) -> None:
    assert ran(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "p $LR",
        "if [ $1 = big ]; then LR=1; else LR=2; fi; p $LR",
        "LR=1; if x; then LR=2; fi; p $LR",
        "LR=1; if x; then LR=$(compute); fi; p $LR",
        "LR=1; while read l; do p $LR; LR=$l; done",
        "read LR; p $LR",
        "LR=$(date +%s); p $LR",
        "p ${LR:?give it}",
        "for f in *.json; do p $f; done",
        "p ${#LR}",
        "p ${!LR}",
        "p ${LR/a/b}",
    ],
)
def test_what_is_not_known_stays_open(text: str) -> None:
    (words,) = [each.words for each in Shell(text).run(State()) if each.name == "p"]
    assert any(word.open for word in words)


def test_arguments_are_those_of_the_caller() -> None:
    assert ran('shift; p "$@" $#', "a", "b c", "d") == [["p", "b c", "d", "2"]]
    assert ran('p ${2:-9} "$1"', "a") == [["p", "9", "a"]]


def test_folder_environment_and_conda() -> None:
    found = Shell("cd a\nsource activate pt\n(cd b && X=1 p)\nexport Y=2\ncd -P ..\np | tee log\n").run(State())
    first, second = [each for each in found if each.name == "p"]
    assert (first.state.folder, first.state.conda, first.environment) == ("a/b", "pt", (("X", Word("1")),))
    assert (second.state.folder, list(second.state.exported), second.piped, second.line) == ("", ["Y"], "tee", 6)


def test_here_documents() -> None:
    (quoted, plain) = Shell("X=1\ncat <<'E' > a.sh\n$X\nE\ncat > b.sh <<E\n$X \\$Y $Z\nE\n").run(State())
    assert (quoted.here, quoted.writes) == ((3, "$X\n"), "a.sh")
    assert (plain.here, plain.writes) == ((6, "1 $Y $Z\n"), "b.sh")


@pytest.mark.parametrize(
    "text", ["p 'unclosed", "for (", "if then fi )))", 'p "$(', "<<<", "case x in", "f() { f; }; f", "x" * 100_000, "((" * 500]
)
def test_broken_text_is_told_by_its_lines(text: str) -> None:
    Shell(text).run(State())


def test_loops_and_calls_end() -> None:
    assert len(ran("for a in {1..99999999}; do for b in {1..99999999}; do p; done; done")) < 5000
    assert len(ran("f() { p; f; f; }; f")) < 5000


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="p $\"'`(){}<>|&;=\n#!*?[]\\x1-é/ifthenfodocasesac", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    Shell(text).run(State())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\0\r", blacklist_categories=("Cs",)), max_size=12), max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    import shlex

    assert ran("p " + " ".join(map(shlex.quote, words))) == [["p", *words]]


def test_a_command_in_a_variable_is_split_though_not_all_of_it_is_known() -> None:
    (words,) = [each.words for each in Shell('IP=$(get it)\nC="p --ip $IP:1 --n 2 $X"\n$C\n').run(State()) if each.name == "p"]
    assert [(word.text, bool(word.open)) for word in words] == [
        ("p", False), ("--ip", False), ("$(get it):1", True), ("--n", False), ("2", False), ("$X", True)
    ]  # fmt: skip


PIECES = (
    "",
    "a",
    "x/",
    "$A",
    "$B",
    "${A}",
    "/",
    ".c",
    "-",
    ",",
    "=",
    ":",
    "+1",
    "'q r'",
    '"$A $B"',
    "$A/$B/c",
    "\\ ",
    "_z",
    "${N:-d}",
    "${A%1}",
    "$Bx",
)


def test_words_are_those_of_bash() -> None:
    """Every pair and many triples of pieces, as bash itself splits and fills them in."""
    import itertools
    import shutil
    import subprocess

    assert shutil.which("bash"), "bash is needed to compare with"
    lines = ["".join(pair) for pair in itertools.product(PIECES, repeat=2)] + [
        "".join(t) for t in itertools.product(PIECES[2:12], repeat=3)
    ]
    lines = [line for line in lines if line and not line.endswith("\\ ") and not line.startswith(("\\ ", "=="))]  # the grammar's limits
    head = "A=1 ; B='2 3'\n"
    script = head + "p() { printf '%s\\0' \"$@\" $'\\n'; }\n" + "".join(f"p {line}\n" for line in lines)
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    wanted = [tuple(each.split("\0")[:-1]) for each in said.split("\n\0")[:-1]]
    found = [each for each in Shell(head + "".join(f"p {line}\n" for line in lines)).run(State()) if each.name == "p"]
    told = {each.line - 2: tuple(word.text for word in each.words[1:]) for each in found if not any(word.open for word in each.words)}
    assert {line: words for line, words in told.items() if words != wanted[line]} == {}
    assert len(told) > 0.8 * len(lines)
