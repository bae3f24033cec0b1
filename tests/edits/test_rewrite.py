"""Edits do what they say, in the style of the file, and leave every other byte."""

from __future__ import annotations

import pytest

from migrate.edits.errors import EditError, NoPlace
from migrate.edits.model import HERE, AddArgument, AddImport, Edit, Replace, Wrap
from migrate.edits.rewrite import rewrite
from migrate.facts.model import Span
from tests.edits.spans import PATH, argument, expression, insert, replace

REPLACED = [
    ("plain", b"x = 'a'  # why\n", "'a'", "f('a')", b"x = f('a')  # why\n"),
    ("in a call", b"f( 'a' , b)\n", "'a'", "g()", b"f( g() , b)\n"),
    ("bracketed over lines", b"x = (\n    'a'  # c\n    'b'\n)\n", "'ab'", "g()", b"x = (\n    g()\n)\n"),
    ("binds looser than its neighbour", b"x = 'a' + b\n", "'a'", "p or q", b"x = (p or q) + b\n"),
    ("already in brackets", b"x = ('a') + b\n", "'a'", "p or q", b"x = (p or q) + b\n"),
    ("free place", b"f(k='a')\n", "'a'", "p or q", b"f(k=p or q)\n"),
    ("default", b"def f(k='a'): pass\n", "'a'", "p if q else r", b"def f(k=p if q else r): pass\n"),
    ("a tuple in a call", b"f('a')\n", "'a'", "1, 2", b"f((1, 2))\n"),
    ("before a dot", b"n = 'a'.x\n", "'a'", "1", b"n = (1).x\n"),
    ("the object of an attribute", b"a.b.c\n", "a.b", "x + y", b"(x + y).c\n"),
    ("behind a word", b"def f():\n    return'a'\n", "'a'", "os.x", b"def f():\n    return os.x\n"),
    ("before a word", b"x = 'a'if p else q\n", "'a'", "r", b"x = r if p else q\n"),
    ("the only argument, a generator", b"f(x for x in y)\n", "(x for x in y)", "z", b"f(z)\n"),
    ("a generator with its own brackets", b"f((x for x in y))\n", "(x for x in y)", "z", b"f(z)\n"),
    ("unpacked", b"f(*a)\n", "a", "p or q", b"f(*(p or q))\n"),
    ("multi-byte before it", "x = 'é日本', 'a'\n".encode(), "'a'", "g()", "x = 'é日本', g()\n".encode()),
    (
        "a separator that only str.splitlines sees",
        "x = '\u2028\x1c\x0c'; y = 'a'\nz = 1\n".encode(),
        "'a'",
        "g()",
        "x = '\u2028\x1c\x0c'; y = g()\nz = 1\n".encode(),
    ),
    ("in a subscript", b"a['a']\n", "'a'", "p, q", b"a[(p, q)]\n"),
    ("not", b"x = not 'a'\n", "'a'", "p or q", b"x = not (p or q)\n"),
    ("await", b"async def f():\n    await a\n", "a", "p or q", b"async def f():\n    await (p or q)\n"),
    ("a whole f-string", b"x = f'{a}/b'\n", "f'{a}/b'", "join(a, 'b')", b"x = join(a, 'b')\n"),
    ("a decorator's argument", b"@d('a')\ndef f(): pass\n", "'a'", "g()", b"@d(g())\ndef f(): pass\n"),
    ("iterable of a comprehension", b"[x for x in 'a']\n", "'a'", "p if q else r", b"[x for x in (p if q else r)]\n"),
    ("a call's function in brackets", b"(f)(x)\n", "f", "lambda: 0", b"(lambda: 0)(x)\n"),
]


@pytest.mark.parametrize(("source", "old", "new", "result"), [case[1:] for case in REPLACED], ids=[case[0] for case in REPLACED])
def test_replace(source: bytes, old: str, new: str, result: bytes) -> None:
    assert rewrite(source, [replace(source, old, new)]) == result


CALLS = [
    ("empty", b"f()", "f()", "k=1", b"f(k=1)"),
    ("one line", b"f(a, b=1)", "f(a, b=1)", "k=1", b"f(a, b=1, k=1)"),
    ("tight", b"f(a,b)", "f(a, b)", "k=1", b"f(a,b,k=1)"),
    ("trailing comma on one line", b"f(a, b,)", "f(a, b)", "k=1", b"f(a, b, k=1,)"),
    ("blanks inside", b"f( a, b )", "f(a, b)", "k=1", b"f( a, b, k=1 )"),
    ("own lines, trailing comma", b"f(\n    a,\n    b,\n)", "f(a, b)", "k=1", b"f(\n    a,\n    b,\n    k=1,\n)"),
    ("own lines, none", b"f(\n    a,\n    b\n)", "f(a, b)", "k=1", b"f(\n    a,\n    b,\n    k=1\n)"),
    ("aligned", b"ff(a,\n   b)", "ff(a, b)", "k=1", b"ff(a,\n   b,\n   k=1)"),
    ("tabs", b"f(\n\ta,\n)", "f(a)", "k=1", b"f(\n\ta,\n\tk=1,\n)"),
    ("comment behind the last", b"f(\n    a,  # A\n    b  # B\n)", "f(a, b)", "k=1", b"f(\n    a,  # A\n    b,  # B\n    k=1\n)"),
    ("comment and comma", b"f(\n    a,  # A\n    # was: b\n)", "f(a)", "k=1", b"f(\n    a,  # A\n    # was: b\n    k=1,\n)"),
    (
        "packed lines",
        b"ff('--lr', default=1,\n   metavar='LR', help='x')",
        "ff('--lr', default=1, metavar='LR', help='x')",
        "k=1",
        b"ff('--lr', default=1,\n   metavar='LR', help='x', k=1)",
    ),
    (
        "packed lines that are full",
        b"ff('--lr', default=1,\n   help='%s')" % (b"x" * 66),
        f"ff('--lr', default=1, help='{'x' * 66}')",
        "k=1",
        b"ff('--lr', default=1,\n   help='%s',\n   k=1)" % (b"x" * 66),
    ),
    ("broken behind the first bracket only", b"f(\n    a, b\n)", "f(a, b)", "k=1", b"f(\n    a, b, k=1\n)"),
    ("before **", b"f(a, **kw)", "f(a, **kw)", "k=1", b"f(a, k=1, **kw)"),
    ("before ** on its own line", b"f(\n    a,\n    **kw,\n)", "f(a, **kw)", "k=1", b"f(\n    a,\n    k=1,\n    **kw,\n)"),
    ("positional", b"f(a, k=1)", "f(a, k=1)", "b", b"f(a, b, k=1)"),
    ("the first positional", b"f(k=1)", "f(k=1)", "b", b"f(b, k=1)"),
    ("positional before lines of keywords", b"f(\n    k=1,\n    l=2,\n)", "f(k=1, l=2)", "b", b"f(\n    b,\n    k=1,\n    l=2,\n)"),
    ("a bare generator", b"f(x for x in y)", "f((x for x in y))", "k=1", b"f((x for x in y), k=1)"),
    ("a lambda last", b"f(lambda: 0)", "f(lambda: 0)", "k=1", b"f(lambda: 0, k=1)"),
    ("an argument of several lines", b"f(a, [\n  1,\n])", "f(a, [1])", "k=1", b"f(a, [\n  1,\n], k=1)"),
    ("a chain", b"x = (p\n     .q()  # c\n     .f(a))", "p.q().f(a)", "k=1", b"x = (p\n     .q()  # c\n     .f(a, k=1))"),
    ("only a comment inside", b"f(\n    # nothing\n)", "f()", "k=1", b"f(\n    # nothing\n    k=1,\n)"),
]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(("source", "call", "code", "result"), [case[1:] for case in CALLS], ids=[case[0] for case in CALLS])
def test_add_argument(source: bytes, call: str, code: str, result: bytes, newline: bytes) -> None:
    source, result = (text.replace(b"\n", newline) + newline for text in (source, result))
    assert rewrite(source, [argument(source, call, code)]) == result


def test_a_call_and_what_stands_in_it_change_together() -> None:
    source = b"p.add_argument('--d', default='./data', help=h('x'))\n"
    edits: list[Edit] = [
        argument(source, "p.add_argument('--d', default='./data', help=h('x'))", "nargs='?'"),
        argument(source, "h('x')", "2"),
        replace(source, "'./data'", "get('D', './data')"),
        replace(source, "'x'", "'y'"),
    ]
    want = b"p.add_argument('--d', default=get('D', './data'), help=h('y', 2), nargs='?')\n"
    assert rewrite(source, edits) == want
    assert rewrite(source, edits[::-1] + edits) == want  # equal edits count once, in any order


INSERTED = [
    ("before", b"a\nb\n", "b", "n = 1", False, b"a\nn = 1\nb\n"),
    ("after", b"a  # c\nb\n", "a", "n = 1", True, b"a  # c\nn = 1\nb\n"),
    ("no final newline", b"a", "a", "n = 1\nm = 2\n", True, b"a\nn = 1\nm = 2"),
    ("its comment stays with it", b"a\n\n# b does\n# this\nb\n", "b", "n = 1", False, b"a\n\nn = 1\n# b does\n# this\nb\n"),
    ("a comment further up", b"# head\n\nb\n", "b", "n = 1", False, b"# head\n\nn = 1\nb\n"),
    (
        "shebang and coding",
        b"#!/usr/bin/python\n# -*- coding: utf-8 -*-\nb\n",
        "b",
        "n = 1",
        False,
        b"#!/usr/bin/python\n# -*- coding: utf-8 -*-\nn = 1\nb\n",
    ),
    (
        "a comment of the block before",
        b"if a:\n    b\n    # end of b\nc\n",
        "c",
        "n = 1",
        False,
        b"if a:\n    b\n    # end of b\nn = 1\nc\n",
    ),
    (
        "after a block with a last comment",
        b"if a:\n    b\n    # end of b\nc\n",
        "if a:",
        "n = 1",
        True,
        b"if a:\n    b\n    # end of b\nn = 1\nc\n",
    ),
    ("indented", b"if a:\n  b\n", "b", "if n:\n    m\nelse:\n    o\n", False, b"if a:\n  if n:\n    m\n  else:\n    o\n  b\n"),
    ("tabs", b"if a:\n\tb\n", "b", "if n:\n    m\n", True, b"if a:\n\tb\n\tif n:\n\t\tm\n"),
    ("the file's unit", b"def f():\n  pass\na\n", "a", "if n:\n    m\n", False, b"def f():\n  pass\nif n:\n  m\na\n"),
    ("crlf", b"a\r\nb\r\n", "a", "n\nm\n", True, b"a\r\nn\r\nm\r\nb\r\n"),
    ("the newline of the place", b"a\nb\r\nc\r\n", "a", "n", True, b"a\nn\nb\r\nc\r\n"),
    ("a decorated function", b"a\n@d\n@e(\n  1)\ndef f(): pass\n", "@d", "n", False, b"a\nn\n@d\n@e(\n  1)\ndef f(): pass\n"),
    ("a one-line suite, before", b"if a: b  # c\n", "b", "n = 1", False, b"if a: n = 1; b  # c\n"),
    ("a one-line suite, after", b"if a: b  # c\n", "b", "n = 1", True, b"if a: b; n = 1  # c\n"),
    ("after a one-line suite", b"if a: b  # c\n", "if a:", "n = 1", True, b"if a: b  # c\nn = 1\n"),
    ("between two on a line", b"a; b\n", "a", "n = 1", True, b"a; n = 1; b\n"),
    ("after the last of a line", b"a; b;  # c\nd\n", "b", "n = 1", True, b"a; b;  # c\nn = 1\nd\n"),
    ("before the first of a line", b"a; b\n", "a", "n = 1", False, b"n = 1\na; b\n"),
    ("a line that goes on", b"a; \\\n  b\n", "b", "n = 1", False, b"a; \\\n  n = 1; b\n"),
    ("a docstring stays first", b'"""doc"""\na\n', "'doc'", "n = 1", False, b'"""doc"""\nn = 1\na\n'),
    ("a function's docstring stays first", b'def f():\n    """doc"""\n', "'doc'", "n = 1", False, b'def f():\n    """doc"""\n    n = 1\n'),
    (
        "__future__ stays first",
        b"'doc'\nfrom __future__ import a\nfrom __future__ import b\nx\n",
        "from __future__ import a",
        "n",
        True,
        b"'doc'\nfrom __future__ import a\nfrom __future__ import b\nn\nx\n",
    ),
    (
        "a string of several lines keeps its lines",
        b"if a:\n\tb\n",
        "b",
        'n = """x\n    y\n"""\n',
        False,
        b'if a:\n\tn = """x\n    y\n"""\n\tb\n',
    ),
    ("blank lines of its own", b"a\nb\n", "b", "def n():\n    pass\n\n\n", False, b"a\ndef n():\n    pass\n\n\nb\n"),
    ("a form feed before it", b"a\n\x0cb\n", "b", "n", False, b"a\n\x0cn\nb\n"),
    ("after the last of a block", b"for a in b:\n    c\nd\n", "c", "n", True, b"for a in b:\n    c\n    n\nd\n"),
]


@pytest.mark.parametrize(("source", "at", "code", "after", "result"), [case[1:] for case in INSERTED], ids=[case[0] for case in INSERTED])
def test_insert(source: bytes, at: str, code: str, after: bool, result: bytes) -> None:
    assert rewrite(source, [insert(source, at, code, after)]) == result


def test_inserts_at_one_place_keep_their_order() -> None:
    source = b"for a in b:\n    c\nd"
    edits = [
        insert(source, "for a in b:", "p", True),
        insert(source, "c", "q", True),
        insert(source, "d", "r"),
        insert(source, "for a in b:", "s", True),
        insert(source, "d", "t", True),
        insert(source, "d", "u", True),
    ]
    assert rewrite(source, edits) == b"for a in b:\n    c\n    q\np\ns\nr\nd\nt\nu"


def test_an_insert_at_the_end_of_the_last_block_without_a_newline() -> None:
    source = b"for a in b:\n    c"
    assert rewrite(source, [insert(source, "for a in b:", "p", True), insert(source, "c", "q", True)]) == b"for a in b:\n    c\n    q\np"


@pytest.mark.parametrize(
    ("source", "at", "code", "after"),
    [
        (b"if a: b\n", "b", "if n:\n    m\n", False),
        (b"if a: b\n", "b", "n = 1  # c\n", True),
        (b"a; b\n", "a", "for n in m: o", True),
    ],
)
def test_no_place(source: bytes, at: str, code: str, after: bool) -> None:
    with pytest.raises(NoPlace, match=r"train\.py: line 1: only simple statements"):
        rewrite(source, [insert(source, at, code, after)])


@pytest.mark.parametrize("after", [False, True])
def test_nothing_stands_beside_elif(after: bool) -> None:
    source = b"if a:\n    b\nelif c:\n    d\n"
    with pytest.raises(NoPlace, match="beside elif"):
        rewrite(source, [insert(source, "if c:", "n", after)])
    nested = b"if a:\n    b\nelse:\n    if c:\n        d\n"
    assert rewrite(nested, [insert(nested, "if c:", "n", after)]).count(b"    n\n") == 1


@pytest.mark.parametrize(
    ("source", "edits", "reason"),
    [
        (b"x = 'a'\n", [Replace(PATH, Span(1, 3, 1, 7), "b")], "no expression to edit"),
        (b"x = 'a'\n", [Replace(PATH, Span(9, 3, 9, 7), "b")], "no expression to edit"),
        (b"x = 'a'\n", [AddArgument(PATH, Span(1, 4, 1, 7), "b")], "no call to edit"),
        (b"x = 1\n", [Replace(PATH, Span(1, 0, 1, 1), "b")], "the target of an assignment"),
        (b"f(k=1)\n", [AddArgument(PATH, Span(1, 0, 1, 6), "k=2")], "the call has k= already"),
        (b"f(k=1, *a)\n", [AddArgument(PATH, Span(1, 0, 1, 10), "b")], "no positional argument can follow"),
        (b"f(a)\n", [AddArgument(PATH, Span(1, 0, 1, 4), "b, c")], "not one argument"),
        (b"f(a)\n", [AddArgument(PATH, Span(1, 0, 1, 4), "b)(c")], "not one argument"),
        (b"x = f'{a}'\n", [Replace(PATH, Span(1, 7, 1, 8), "b")], "no expression to edit"),
        (b"x = 'a'\n", [Replace(PATH, Span(1, 4, 1, 7), "b; c")], "no Python"),
        (b"x = 'a'\n", [Replace(PATH, Span(1, 4, 1, 7), "b) + (c")], "no Python"),
        (b"f('a')\n", [Replace(PATH, Span(1, 2, 1, 5), "b) + (c")], "more than they should"),
        (b"x = 'a', d\n", [Replace(PATH, Span(1, 4, 1, 7), "b  # c")], "more than they should"),
        (b"print 'a'\n", [Replace(PATH, Span(1, 6, 1, 9), "b")], "line 1"),
        (b"x = '\xff'\n", [Replace(PATH, Span(1, 4, 1, 7), "b")], "cannot be decoded"),
        (b"# coding: latin-1\nx = 'a'\n", [Replace(PATH, Span(2, 4, 2, 7), "'\u65e5'")], "iso8859-1 cannot write: '\u65e5'"),
        (b"# coding: klingon\nx = 'a'\n", [Replace(PATH, Span(2, 4, 2, 7), "b")], "klingon"),
        (
            b"f('a' + b)\n",
            [Replace(PATH, Span(1, 2, 1, 9), "c"), Replace(PATH, Span(1, 2, 1, 5), "d")],
            "inside an expression that is replaced",
        ),
        (b"f('a')\n", [Replace(PATH, Span(1, 2, 1, 5), "c"), Replace(PATH, Span(1, 2, 1, 5), "d")], "two edits replace"),
        (
            b"f('a')\n",
            [Replace(PATH, Span(1, 0, 1, 6), "c"), AddArgument(PATH, Span(1, 0, 1, 6), "d")],
            "an expression that is replaced, guarded or wrapped",
        ),
        (b"x = 1\n", [AddImport(PATH, "a", "n", "n"), AddImport(PATH, "b", "n", "n")], "two imports under the name n"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_names_the_file(source: bytes, edits: list[Replace], reason: str) -> None:
    with pytest.raises(EditError, match=reason) as caught:
        rewrite(source, edits)
    assert str(caught.value).startswith("train.py: ")


def test_no_edits_no_change() -> None:
    assert rewrite(b"not even ( Python", []) == b"not even ( Python"


def test_a_warning_of_the_parser_is_not_ours() -> None:
    source = b"x = '\\d', 'a'\n"
    assert rewrite(source, [Replace(PATH, Span(1, 10, 1, 13), "b")]) == b"x = '\\d', b\n"


def test_one_argument_becomes_several() -> None:
    source = b"join('a', f(b), 'c')  # d\njoin('a', k=1)\n"
    spans = [Span(1, 5, 1, 8), Span(1, 16, 1, 19), Span(2, 5, 2, 8)]
    edits = [Replace(PATH, span, "x(1), 'y'", True) for span in spans]
    assert rewrite(source, edits) == b"join(x(1), 'y', f(b), x(1), 'y')  # d\njoin(x(1), 'y', k=1)\n"


@pytest.mark.parametrize(("code", "span"), [("1, 2", Span(1, 4, 1, 7)), ("1", Span(1, 11, 1, 14)), ("1, 2", Span(1, 18, 1, 21))])
def test_several_arguments_need_a_place_for_them(code: str, span: Span) -> None:
    with pytest.raises(EditError, match="several arguments in the place of what is none"):
        rewrite(b"x = 'a', f('b', k='c')\n", [Replace(PATH, span, code, True)])


@pytest.mark.parametrize(
    ("source", "inside", "code", "result"),
    [
        (b"for x in f('a'):  # why\n    pass\n", "f('a')", f"k.over({HERE})", b"for x in k.over(f(B)):  # why\n    pass\n"),
        (b"while x < 'a':\n    pass\n", "x < 'a'", f"k() and {HERE}", b"while k() and x < B:\n    pass\n"),
        (b"for x in 'a', 2:\n    pass\n", "('a', 2)", f"k.over(({HERE}))", b"for x in k.over((B, 2)):\n    pass\n"),
        (b"y = not f('a')\n", "f('a')", f"k and {HERE}", b"y = not (k and f(B))\n"),
        (b"y = g(f(\n    'a',  # first\n))\n", "f('a')", f"k({HERE})", b"y = g(k(f(\n    B,  # first\n)))\n"),
    ],
)
def test_what_stands_in_a_wrapped_expression_changes_as_well(source: bytes, inside: str, code: str, result: bytes) -> None:
    edits: list[Edit] = [Wrap(PATH, expression(source, inside), code), replace(source, "'a'", "B")]
    assert rewrite(source, edits) == rewrite(source, edits[::-1]) == result


@pytest.mark.parametrize("code", ["k()", f"k({HERE}, {HERE})"])
def test_a_wrapping_has_one_hole(code: str) -> None:
    with pytest.raises(EditError, match="nothing to be wrapped"):
        rewrite(b"f(a)\n", [Wrap(PATH, Span(1, 0, 1, 4), code)])
