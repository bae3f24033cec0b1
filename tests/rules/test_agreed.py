"""Entry points that share code: what each asks of it is done together, or not at all."""

from __future__ import annotations

from dataclasses import replace

from migrate.edits.model import AddArgument, AddImport, Edit, Insert, Replace
from migrate.facts.model import Place, Span
from migrate.rules.agreed import INSIDE, TORN, agreed
from migrate.rules.base import all_rules
from migrate.rules.model import Finding
from tests.rules.harness import context_of

PLACE = Place("a.py", Span(3, 0, 3, 9))
AT = Span(3, 4, 3, 9)


def finding(*edits: Edit, message: str = "m", rule: str = "SM1") -> Finding:
    return Finding(rule, "name", PLACE, "warning", message, "safe", edits=edits)


def test_what_each_entry_point_needs_is_done_once() -> None:
    one, other = Replace("one.py", AT, "x"), Replace("other.py", AT, "x")
    shared = AddArgument("a.py", AT, "k=1")
    assert agreed([finding(shared, one), finding(shared, other), finding(shared)]) == [finding(shared, one, other)]


def test_different_code_at_one_place_is_only_reported() -> None:
    for one, other in ((Replace("a.py", AT, "x"), Replace("a.py", AT, "y")), (Insert("a.py", AT, "x"), Insert("a.py", AT, "y"))):
        (told,) = agreed([finding(one), finding(other)])
        assert (told.fix, told.reason, told.edits) == ("none", TORN, ())
    apart = [finding(Insert("a.py", AT, "x")), finding(Insert("a.py", AT, "y"), rule="SM2")]
    assert agreed(apart) == apart


def test_below_one_variable_the_first_way_holds() -> None:
    whole, named = "os.environ.get('SM_MODEL_DIR', './out')", "os.path.join(os.environ.get('SM_MODEL_DIR', ''), './out')"
    one, other = finding(Replace("a.py", AT, whole)), finding(Replace("a.py", AT, named))
    assert agreed([one, other]) == [one]
    (told,) = agreed([one, finding(Replace("a.py", AT, whole.replace("MODEL", "OUTPUT_DATA")))])
    assert (told.fix, told.reason) == ("none", TORN)


def test_an_import_works_however_the_module_is_loaded() -> None:
    top = AddImport("a.py", "support", "keeper", "keeper")
    member, either = replace(top, level=1), replace(top, either=True)
    assert agreed([finding(top), finding(member)]) == agreed([finding(member), finding(either)]) == [finding(either)]
    assert agreed([finding(top), finding(top)]) == [finding(top)]


def test_an_objection_takes_the_edit_away() -> None:
    edit = Replace("a.py", AT, "x")
    (told,) = agreed([finding(edit)], {("SM1", PLACE)})
    assert (told.fix, told.reason, told.edits) == ("none", INSIDE, ())
    assert agreed([finding(edit)], {("SM2", PLACE)}) == [finding(edit)]


def test_what_one_entry_point_mends_is_not_left_for_another() -> None:
    mended = finding(Replace("a.py", AT, "x"))
    left = replace(mended, message="other", fix="none", reason="not known", edits=())
    assert agreed([left, mended]) == [mended]
    assert agreed([left, mended], {("SM1", PLACE)})[0] == left


def test_a_loop_that_another_entry_point_runs_inside_a_loop_is_not_kept() -> None:
    rule = next(rule for rule in all_rules() if rule.code == "SM301")
    shared = """\
import torch


def once(net, opt):
    for x in torch.ones(4, 2):
        net(x).mean().backward()
        opt.step()
"""
    start = "import torch\nfrom shared import once\nnet = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
    starts = {"once.py": start + "once(net, opt)\n", "train.py": start + "for e in range(3):\n    once(net, opt)\n"}
    contexts = [context_of({entry: text, "shared.py": shared}, entry) for entry, text in starts.items()]
    assert rule.objections is not None
    findings = [found for context in contexts for found in rule.check(context)]
    objections = {(rule.code, place) for context in contexts for place in rule.objections(context)}
    assert [(f.place.path, f.fix) for f in agreed(findings)] == [("shared.py", "safe"), ("train.py", "safe")]
    assert [(f.place.path, f.fix) for f in agreed(findings, objections)] == [("shared.py", "none"), ("train.py", "safe")]
