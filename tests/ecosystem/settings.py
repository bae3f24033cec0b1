"""Two questions about an argparse script: does its EC2 command line mean what it meant, and can a job set every option of it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.ecosystem.probe import Case, Outcome, Start, probe
from tests.ecosystem.wire import SERIALISERS, arrivals

Parser = dict[str, Any]
Action = dict[str, Any]
NOT_SETTINGS = ("Help", "Version")
FLAGS = ("StoreTrue", "StoreFalse", "StoreConst", "AppendConst", "Count", "BooleanOptional")
UNUSED = "--no-such-option-here"


@dataclass(frozen=True)
class Option:
    """One option, and the subcommand that it belongs to."""

    action: Action
    parser: Parser
    command: str | None = None

    @property
    def label(self) -> str:
        spelt = max(self.action["options"], key=len) if self.action["options"] else self.action["dest"]
        return f"{self.command} {spelt}" if self.command else spelt


@dataclass
class Verdict:
    """What was seen for one entry point. ``why`` says what kept it from being judged."""

    judged: bool = False
    why: str = ""
    cases: int = 0
    differ: list[dict[str, Any]] = field(default_factory=list)
    options: int = 0
    delivered: dict[str, int] = field(default_factory=dict)
    lost: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, list[int]] = field(default_factory=dict)


def merged(parsers: Sequence[Parser]) -> Parser:
    """The last parser, with what earlier ones know and it does not (options classes parse in several goes)."""
    last = {**parsers[-1], "actions": list(parsers[-1]["actions"])}
    known = {action["dest"] for action in last["actions"]}
    for parser in parsers[:-1]:
        last["actions"] += [action for action in parser["actions"] if action["dest"] not in known]
    return last


def options_of(parser: Parser, command: str | None = None) -> list[Option]:
    """Every option that a person can set, those of subcommands too; a subcommand's name is one itself."""
    found = []
    for action in parser["actions"]:
        if action["kind"] in NOT_SETTINGS:
            continue
        found.append(Option(action, parser, command))
        for name, sub in action.get("commands", {}).items():
            found += options_of(sub, name)
    return found


def needed(parser: Parser) -> list[Action]:
    """What the parser insists on: positionals, required options, one of each required group."""
    found = [a for a in parser["actions"] if (a["required"] or (not a["options"] and a["nargs"] not in ("?", "*"))) and "commands" not in a]
    have = {action["group"] for action in found}
    for group in set(parser["required_groups"]) - have:
        found.append(next(action for action in parser["actions"] if action["group"] == group))
    return found


def typed(action: Action) -> list[str]:
    """The action as typed on EC2, with its sample."""
    spelt = action["options"][:1]
    tokens = (action.get("sample") or {"tokens": []})["tokens"]
    return [*spelt, *tokens]


def line(top: Parser, chosen: Iterable[tuple[str | None, Action, list[str]]], command: str | None = None) -> tuple[str, ...]:
    """A command line holding what the parsers insist on and ``chosen`` (subcommand, action, tokens)."""
    picked = list(chosen)
    words: list[str] = []
    holder = next((a for a in top["actions"] if "commands" in a), None)
    if holder is not None and command is None and (holder["required"] or picked and picked[0][0] is not None):
        command = picked[0][0] if picked and picked[0][0] else next(iter(holder["commands"]))
    for name, parser in ((None, top), *(((command, holder["commands"][command]),) if holder is not None and command else ())):
        mine = [(action, tokens) for owner, action, tokens in picked if owner == name and "commands" not in action]
        taken = {action["dest"] for action, _ in mine} | {action["group"] for action, _ in mine if action["group"] is not None}
        mine += [(a, typed(a)) for a in needed(parser) if a["dest"] not in taken and (a["group"] is None or a["group"] not in taken)]
        places = [action["dest"] for action in parser["actions"]]
        mine.sort(key=lambda pair: places.index(pair[0]["dest"]))  # positionals are told apart by their order alone
        words += [name] if name else []
        words += [token for action, tokens in mine if not action["options"] for token in tokens]
        words += [token for action, tokens in mine if action["options"] for token in tokens]
    return tuple(words)


def ec2_cases(parser: Parser, usual: Sequence[tuple[str, ...]]) -> list[Case]:
    """Command lines that people type: none, the usual ones, each option, all of them, abbreviated, and wrong ones."""
    cases = [Case("none"), Case("least", line(parser, ())), Case("help", ("--help",))]
    cases += [Case(f"usual {n}", argv) for n, argv in enumerate(usual)]
    options = [option for option in options_of(parser) if "commands" not in option.action and option.action.get("sample")]
    for option in options:
        cases.append(Case(f"one {option.label}", line(parser, [(option.command, option.action, typed(option.action))])))
    for command in {option.command for option in options}:
        cases.append(Case(f"all {command or ''}", line(parser, [*_compatible(options, command)], command)))
    cases += _abbreviated(parser) + _wrong(parser)
    return list({case.argv: case for case in reversed(cases)}.values())[::-1]


def _compatible(options: Sequence[Option], command: str | None) -> Iterable[tuple[str | None, Action, list[str]]]:
    groups: set[int] = set()
    for option in options:
        group = option.action["group"]
        if option.command not in (command, None) or group in groups:
            continue
        if group is not None:
            groups.add(group)
        yield option.command, option.action, typed(option.action)


def _long(parser: Parser) -> list[str]:
    return [spelt for action in parser["actions"] for spelt in action["options"] if spelt.startswith("--")]


def _abbreviated(parser: Parser) -> list[Case]:
    """Each long option by its shortest prefix that no other has: a new option of the tool would make some of them ambiguous."""
    spellings = _long(parser)
    cases = []
    for action in parser["actions"]:
        for spelt in action["options"]:
            if not spelt.startswith("--") or action["kind"] in NOT_SETTINGS or not action.get("sample"):
                continue
            prefixes = (spelt[:n] for n in range(3, len(spelt)))
            short = next((p for p in prefixes if [s for s in spellings if s.startswith(p)] == [spelt]), None)
            if short:
                tokens = [short, *action["sample"]["tokens"]]
                cases.append(Case(f"short {spelt}", line(parser, [(None, action, tokens)])))
    return cases


def _wrong(parser: Parser) -> list[Case]:
    """Mistakes: what argparse says about them, and its exit code, has to stay."""
    least = line(parser, ())
    cases = [Case("unknown option", (*least, UNUSED, "1")), Case("stray word", (*least, "stray-word"))]
    spellings = _long(parser)
    twins = (spelt[:n] for spelt in spellings for n in range(3, len(spelt)))
    ambiguous = next((p for p in twins if len([s for s in spellings if s.startswith(p)]) > 1 and p not in spellings), None)
    if ambiguous:
        cases.append(Case("ambiguous", (*least, ambiguous, "1")))
    optional = [a for a in parser["actions"] if a["options"] and a["kind"] == "Store"]
    for action in [a for a in optional if a["type"] in ("int", "float")][:3]:
        cases.append(Case(f"bad value {action['dest']}", (*least, action["options"][0], "not-a-number")))
    for action in [a for a in optional if a["choices"]][:3]:
        cases.append(Case(f"bad choice {action['dest']}", (*least, action["options"][0], "not-a-choice")))
    cases += [Case(f"no value {a['dest']}", (*least, a["options"][0])) for a in optional[:2]]
    return cases


def unchanged(before: Outcome, after: Outcome) -> bool:
    """Whether two runs mean the same: each namespace holds what it held, or argparse refuses in the same words."""
    if (before.outcome, before.exit, len(before.namespaces)) != (after.outcome, after.exit, len(after.namespaces)):
        return False
    if before.outcome == "exit" and before.exit and before.message != after.message:
        return False
    return all(was.items() <= _Items(now) for was, now in zip(before.namespaces, after.namespaces, strict=True))


class _Items:
    """The right side of ``items <= items`` for values that cannot be hashed."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __ge__(self, other: Iterable[tuple[str, Any]]) -> bool:
        return all(name in self.values and self.values[name] == value for name, value in other)


# --- delivery -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sending:
    """One hyperparameter to send, and what EC2 types for the same (``expected`` where EC2 has no way to say it)."""

    option: Option
    name: str
    value: Any
    typed: tuple[str, ...]
    expected: list[Any] | None = None
    text: bool = False  # a string that looks like a number: told apart, since SM_HPS and argv of v3 spoil it


def key_of(action: Action, hyperparameters: Sequence[dict[str, Any]]) -> str | None:
    """The launcher's key for an action, as scan tells it: its own, or that of its dest where two flags share one."""
    for told in hyperparameters:
        if set(action["options"]) & {told.get("option"), *told.get("options", ())}:
            return str(told["name"])
    same = [told for told in hyperparameters if told["dest"] == action["dest"]]
    if not action["options"]:
        return next((str(told["name"]) for told in same if not told.get("option")), None)
    return str(same[0]["name"]) if same and action["nargs"] == 0 else None


def _is_spelling(name: str, action: Action) -> bool:
    return name.replace("_", "-") in {spelt.lstrip("-").replace("_", "-") for spelt in action["options"]}


def sendings(option: Option, name: str) -> list[Sending]:
    """What to send for an option, so that it counts as one that can be set: a value, both states of a flag, several for a list."""
    action = option.action
    spelt = action["options"][:1]
    if "commands" in action:
        return [Sending(option, name, command, (command,)) for command in action["commands"]]
    if action["kind"] == "BooleanOptional":
        no = next(s for s in action["options"] if s.startswith("--no-"))
        yes = next(s for s in action["options"] if not s.startswith("--no-"))
        return [Sending(option, name, True, (yes,)), Sending(option, name, False, (no,))]
    if action["kind"] == "Count":
        return [Sending(option, name, 2, tuple(spelt * 2))]
    if action["kind"] in FLAGS or action["nargs"] == 0:
        present = True if _is_spelling(name, action) or action["const"] is None else action["const"]
        found = [Sending(option, name, present, tuple(spelt))]
        # Where another flag has the same dest, "not given" has no value of its own to send.
        alone = [one["dest"] for one in option.parser["actions"]].count(action["dest"]) == 1
        return [*found, Sending(option, name, not present, ())] if alone else found
    sample = action.get("sample")
    if not sample:
        return []
    if action["type"] == "bool" and action["nargs"] is None:
        return [
            Sending(option, name, True, (*spelt, "True")),
            Sending(option, name, False, (*spelt, "")),
        ]
    if action["kind"] == "Append":
        return [Sending(option, name, [sample["value"]] * 2, (*typed(action), *typed(action)))]
    found = [Sending(option, name, sample["value"], tuple(typed(action)))]
    if action["type"] in (None, "str") and not action["choices"] and action["nargs"] is None:
        found.append(Sending(option, name, "1.10", (*spelt, "1.10"), text=True))
    return found


def deliver(original: Start, migrated: Start, parser: Parser, scan: dict[str, Any], verdict: Verdict) -> None:
    """Send every option of ``parser`` under each serialiser, and compare its value with what EC2 makes of the same."""
    hyperparameters = scan["hyperparameters"]
    options = options_of(parser)
    verdict.options = len(options)
    sent: list[Sending] = []
    for option in options:
        name = key_of(option.action, hyperparameters)
        if name is None:
            verdict.lost.append({"option": option.label, "why": "scan does not name it"})
            continue
        mine = sendings(option, name)
        if not mine:
            verdict.lost.append({"option": option.label, "why": "no sample value was found"})
        sent += mine
    typed_cases = [Case(str(n), _typed(parser, one)) for n, one in enumerate(sent)]
    wanted = probe(original, typed_cases)
    sets = [_hyperparameters(parser, one, hyperparameters) for one in sent]
    channels = [channel["name"] for channel in scan["channels"]]
    for serialiser in SERIALISERS:
        come = arrivals(serialiser, migrated.script, channels, sets)
        cases = [Case(str(n), a.argv, a.env, a.files) for n, a in enumerate(come)]
        got = probe(migrated, cases)
        _count(serialiser, sent, wanted, got, sets, verdict)


def _typed(parser: Parser, one: Sending) -> tuple[str, ...]:
    """What EC2 types for a sending. A subcommand is named even where its option is left out."""
    if "commands" in one.option.action:
        return line(parser, (), one.value)
    if not one.typed:
        return line(parser, (), one.option.command)
    return line(parser, [(one.option.command, one.option.action, list(one.typed))])


def _hyperparameters(parser: Parser, one: Sending, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The hyperparameters of one job: what the parsers insist on, the subcommand, and the one that is sent."""
    values: dict[str, Any] = {}
    holder = next((a for a in parser["actions"] if "commands" in a), None)
    command = one.value if one.option.action is holder else one.option.command
    if holder is not None and command is None and holder["required"]:
        command = next(iter(holder["commands"]))
    if holder is not None and command is not None:
        values[key_of(holder, told) or "command"] = command
    group = one.option.action["group"]
    for owner in (parser, *((holder["commands"][command],) if holder is not None and command else ())):
        for action in needed(owner):
            name = key_of(action, told)
            if name and action.get("sample") and (group is None or action["group"] != group or owner is not one.option.parser):
                values[name] = action["sample"]["value"]
    values[one.name] = one.value
    return values


def _count(
    serialiser: str,
    sent: Sequence[Sending],
    wanted: dict[str, Outcome],
    got: dict[str, Outcome],
    sets: Sequence[dict[str, Any]],
    verdict: Verdict,
) -> None:
    good: dict[int, bool] = {}
    texts = verdict.texts.setdefault(serialiser, [0, 0])
    for n, one in enumerate(sent):
        before, after = wanted[str(n)], got[str(n)]
        dest = one.option.action["dest"]
        expected = (before.namespace or {}).get(dest) if dest != "==SUPPRESS==" else None
        now = (after.namespace or {}).get(dest)
        fine = before.namespace is not None and after.namespace is not None and now == expected
        if one.text:
            texts[0] += fine
            texts[1] += 1
        else:
            key = id(one.option.action)
            good[key] = good.get(key, True) and fine
        if not fine:
            row = {
                "option": one.option.label,
                "kind": one.option.action["kind"],
                "type": one.option.action["type"],
                "nargs": one.option.action["nargs"],
            }
            said = (after.error or after.message)[-300:] if after.namespace is None else ""
            why = "EC2 itself refuses the sample" if before.namespace is None else "did not arrive"
            row |= {
                "serialiser": serialiser,
                "sent": sets[n],
                "expected": expected,
                "got": now,
                "outcome": after.outcome,
                "said": said,
                "why": why,
            }
            verdict.lost.append({**row, "text": one.text})
    verdict.delivered[serialiser] = sum(good.values())


def judge(original: Start, migrated: Start, usual: Sequence[tuple[str, ...]], scan: dict[str, Any] | None) -> Verdict:
    """Both questions for one entry point. ``scan`` is its part of ``migrate scan --format json``, None where it was not found."""
    verdict = Verdict()
    told = probe(original, [Case("describe", describe=True)])["describe"]
    if not told.parsers:
        verdict.why = f"no parser was reached: {told.outcome} {(told.error or '').strip()[-200:]}"
        return verdict
    parser = merged(told.parsers)
    cases = ec2_cases(parser, usual)
    before, after = probe(original, cases), probe(migrated, cases)
    verdict.judged, verdict.cases = True, len(cases)
    for case in cases:
        if not unchanged(before[case.id], after[case.id]):
            verdict.differ.append(
                {"case": case.id, "argv": list(case.argv), "before": shown(before[case.id]), "after": shown(after[case.id])}
            )
    if scan is None:
        verdict.options = len(options_of(parser))
        verdict.why = "scan did not find the entry point"
        return verdict
    deliver(original, migrated, parser, scan, verdict)
    return verdict


def shown(outcome: Outcome) -> dict[str, Any]:
    """An outcome, short enough for a report."""
    return {
        "outcome": outcome.outcome,
        "exit": outcome.exit,
        "message": outcome.message[-300:],
        "namespaces": outcome.namespaces,
        "error": (outcome.error or "")[-600:],
    }
