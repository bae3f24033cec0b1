"""Metric definitions from the script's own prints: a name and a regular expression for each loss, accuracy, ... that it prints.

Each expression is tried on the lines that the script's own formats make of sample values: it must take exactly the value that it is for,
out of every one, and nothing out of any other line. What fails that is left out.
Limits of the service: 40 definitions, 500 characters each (CreateTrainingJob, ``MetricDefinitions``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from migrate.facts.meters import meter_lines
from migrate.facts.model import Place
from migrate.facts.notes import once
from migrate.facts.own_lines import own_lines
from migrate.facts.prints import Line, Part, Value, find_prints, split_words
from migrate.facts.program import Program

MOST = 40
LONGEST = 500
LONGEST_NAME = 60

# What CloudWatch can keep: a plain number, as every way of formatting writes it. The expressions use only what all engines know.
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
SAMPLES: tuple[tuple[object, ...], ...] = (
    (0.4321, 0.0567, 0.8912, 0.3344, 0.6655, 0.1278, 0.9731),
    (12.5, 3.25, 101.75, 7.125, 64.5, 33.875, 21.625),
    (3e-07, 4.5e-05, 2.25e-06, 1.125e-08, 6.5e-09, 5.75e-07, 7.5e-08),
    (-0.75, -12.0, -3.5, -0.0625, -8.25, -1.125, -2.5),
    (17, 4, 250, 36, 9, 128, 77),
)
WORD = "resnet"  # a sample for a value in between that is no number

_METRICS = frozenset(
    """
    loss losses acc accuracy accuracies error err errors top top1 top3 top5 prec precision recall f1 fscore auc auroc map ap iou miou dice
    bleu rouge meteor cider perplexity ppl mse rmse mae mape psnr ssim fid kid score scores reward rewards return returns nll kl kld elbo
    cer wer r2 cost objective metric metrics bpc bpd logloss corr correlation pearson spearman kappa mcc ndcg mrr jaccard sensitivity
    specificity fitness likelihood bce ce entropy regret mota idf1 chamfer epe
    """.split()
)
_SPLITS = {
    **dict.fromkeys(("train", "training", "tr", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
_NO_METRICS = frozenset(
    """
    epoch epochs step steps iter iters iteration iterations batch time sec secs seconds eta lr rate size len length total count num number
    gpu rank seed fold param params
    """.split()
)
_UNIT = r"^\s*(s|secs?|seconds?|ms|mins?|minutes?|hours?|it|iters?|examples?|samples?|images?|tokens?|words?)(/|\b)"
_FILLERS = frozenset("average avg mean the set a at of in on for is was current now total running this per and with after final".split())


@dataclass(frozen=True)
class Metric:
    """A metric definition. ``sample`` is a line that it matches, made from the script's own format."""

    name: str
    regex: str
    place: Place
    sample: str


@dataclass(frozen=True)
class _Candidate:
    line: Line
    index: int  # of the value among the line's parts
    label: str  # the text that names it
    start: int  # of the part that holds the label
    words: tuple[str, ...]  # that name the metric


@once
def find_metrics(program: Program) -> tuple[Metric, ...]:
    """The metrics that the program prints, in the order of its prints, then those that its framework prints; at most 40."""
    lines = (*map(_metered, find_prints(program)), *meter_lines(program))
    shown = {line: tuple(_shown(line)) for line in lines}
    found: dict[str, Metric] = {}
    for candidate in (candidate for line in lines for candidate in _candidates(line)):
        regex = _regex(candidate, shown)
        if regex is None or any(metric.regex == regex for metric in found.values()):
            continue
        name = _free(_name(candidate), candidate, found)
        found[name] = Metric(name, regex, candidate.line.place, shown[candidate.line][0][0])
        if len(found) == MOST:
            break
    for own in own_lines(program):
        if len(found) < MOST and _is_free(own.regex, shown) and not any(metric.regex == own.regex for metric in found.values()):
            name = next(name for name in (own.name, *(f"{own.name}_{number}" for number in range(2, MOST + 2))) if name not in found)
            found[name] = Metric(name, own.regex, own.place, own.sample)
    return tuple(found.values())


def _is_free(regex: str, shown: dict[Line, tuple[tuple[str, dict[int, str]], ...]]) -> bool:
    """Whether an expression for a framework's own line takes nothing out of what the script prints itself, and is short enough."""
    lines = (text for samples in shown.values() for text, _ in samples)
    return len(regex) <= LONGEST and not any(re.search(regex, text) for text in lines)


def _metered(line: Line) -> Line:
    """The line with ``{loss.val} ({loss.avg})`` told for what a meter says: the last value and the average, none of validation."""
    averages = {part.words[:-1] for part in line.parts if isinstance(part, Value) and part.words[-1:] == ("avg",)}
    parts = [
        replace(part, words=part.words[:-1])
        if isinstance(part, Value) and part.words[-1:] == ("val",) and part.words[:-1] in averages
        else part
        for part in line.parts
    ]
    return replace(line, parts=tuple(parts))


def _candidates(line: Line) -> Iterator[_Candidate]:
    """The values of a line that are metrics, as far as the text before them and their own names tell."""
    label, start = "", 0
    for index, part in enumerate(line.parts):
        if isinstance(part, str):
            if re.search(r"[A-Za-z]", part):
                label, start = part, index
            continue
        words = _metric_words(line, index, label, part)
        if words:
            yield _Candidate(line, index, label, start, words)


def _metric_words(line: Line, index: int, label: str, value: Value) -> tuple[str, ...]:
    """The words that name a metric; empty where the value is none, or a count (``12/50``)."""
    before = line.parts[index - 1] if index else ""
    after = line.parts[index + 1] if index + 1 < len(line.parts) else ""
    if not value.number or _is_text(before, r"/\s*$") or _is_text(after, r"^\s*/") or not _is_number(value.form):
        return ()
    direct = isinstance(before, str) and re.search(r"[A-Za-z]", before) is not None
    fractional = re.search(r"[.\d][efgEFG%]\}?$", value.form) is not None or value.postfix
    named = [word for word in _words(label)[-3:] if word not in _FILLERS]
    own = _own_words(value)
    if named and named[-1] in _NO_METRICS and not (own and fractional):
        return ()
    named = [word for word in named if word not in _NO_METRICS]
    if not direct and _is_text(after, _UNIT):  # loss = 0.4, (0.2 sec/step)
        return ()
    if not direct and not _is_text(before, r"^[%\s]*\(\s*$"):  # a label holds for one value, and for the one in brackets behind it
        named = []
    if any(word in _METRICS for word in named):
        return tuple(named)
    if fractional and direct and named and (named[-1] in _SPLITS or named[-1] in ("best", "cv")):
        return tuple(named)
    if not own or not (fractional or direct):
        return ()
    says = [word for word in named[-1:] if direct and len(word) > 2 and word not in _SPLITS]  # "ppl {}".format(math.exp(loss)) is no loss
    return tuple(dict.fromkeys([*(word for word in named if word in _SPLITS), *says, *own]))


def _own_words(value: Value) -> list[str]:
    """The words of the value's expression that name a metric; none where it names something else too (``num_errors``)."""
    telling = [word for word in value.words if word in _METRICS and word not in ("err", "error", "errors", "metric", "metrics")]
    plain = re.search(r"[.\d][efgEFG%]\}?$", value.form) is None  # {err}: an exception as well as a number
    if not telling and (plain or not any(word in _METRICS for word in value.words)) or any(word in _NO_METRICS for word in value.words):
        return []
    return [word for word in value.words if word in _METRICS or word in _SPLITS or word == "best" or len(word) < 3][:4]


def _is_text(part: Part, pattern: str) -> bool:
    return isinstance(part, str) and re.search(pattern, part) is not None


def _is_number(form: str) -> bool:
    """Whether the form can write a plain number: no thousands separators, hexadecimals or fillings."""
    spec = re.sub(r"^\{(![rsa])?:?|\}$", "", form) if form.startswith("{") else form[1:]
    return re.fullmatch(r"([ 0]?[<>^=])?[-+ #0]*\d*(\.\d+)?[difeEgGFnsra%]?", spec) is not None


def _words(text: str) -> list[str]:
    """The words of a text, those written together apart: ``Loss_D`` gives loss, d; ``Acc@1`` acc, 1."""
    return [word for run in re.findall(r"[A-Za-z0-9_]+", text) for word in split_words(run)]


def _name(candidate: _Candidate) -> str:
    """``train_loss``, ``validation_acc_1``: the split first, where anything tells it."""
    own = candidate.line.parts[candidate.index]
    assert isinstance(own, Value)
    before = " ".join(part for part in candidate.line.parts[: candidate.index] if isinstance(part, str))
    near = (candidate.words, _words(candidate.label), own.words, _words(before))
    split = next((_SPLITS[word] for words in near for word in words[::-1] if word in _SPLITS), None)
    words = [word for word in candidate.words if word not in _SPLITS]
    if not words:
        return split or "metric"
    return "_".join(([split] if split else []) + words)[:LONGEST_NAME]


def _free(name: str, candidate: _Candidate, taken: dict[str, Metric]) -> str:
    """``name``, or where it is taken, with what tells it apart: the average beside the value, the function, a number."""
    own = candidate.line.parts[candidate.index]
    assert isinstance(own, Value)
    tails = [word for word in ("avg", "mean", "best", "sum") if word in own.words]
    splits = [_SPLITS[word] for word in split_words(candidate.line.function) if word in _SPLITS]
    for better in (name, *(f"{split}_{name}" for split in splits if not name.startswith(split)), *(f"{name}_{tail}" for tail in tails)):
        if better not in taken:
            return better
    return next(f"{name}_{number}" for number in range(2, MOST + 2) if f"{name}_{number}" not in taken)


def _regex(candidate: _Candidate, shown: dict[Line, tuple[tuple[str, dict[int, str]], ...]]) -> str | None:
    """The shortest expression that takes the value from every sample of its line and nothing from the others."""
    parts = candidate.line.parts
    for start, whole in ((candidate.start, False), (candidate.start, True), (0, True)):
        if not any(isinstance(part, str) and re.search(r"\w", part) for part in parts[start : candidate.index]):
            continue  # it would take any number
        regex = _between(parts, start, candidate.index, whole)
        if len(regex) <= LONGEST and _holds(regex, candidate, shown):
            return regex
    return None


def _between(parts: Sequence[Part], start: int, end: int, whole: bool) -> str:
    """From the text at ``start`` to the value at ``end``. ``whole``: from the beginning of that text, not of its last words."""
    made = []
    for part in parts[start:end]:
        made.append(r".*?" if isinstance(part, Value) else _escaped(part))
    first = parts[start]
    if isinstance(first, str) and not whole:
        tail = re.search(r"[A-Za-z][\w@ .-]*[^A-Za-z]*$", first)
        made[0] = _escaped(tail.group() if tail else first)
    regex = "".join(made).lstrip(" ") if not whole else "".join(made)
    regex = re.sub(r"^(\\s\+| )+", "", regex)
    value = parts[end]
    assert isinstance(value, Value)
    bare = value.form in ("{}", "{!r}", "{!s}", "%s", "%r") and not value.postfix
    wide = re.search(r"[:%><^=+ ]0?\d", value.form) is not None
    boundary = r"\b" if re.match(r"\w", regex) else ""
    return boundary + regex + (" *" if wide else "") + (r"(?:tensor\()?" if bare else "") + NUMBER


def _escaped(text: str) -> str:
    """``text`` for an expression: what engines read alike, with any run of blanks that is not one space as blanks."""
    pieces = re.split(r"(\s+)", text)
    return "".join(_blanks(piece) if piece.isspace() else re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", piece) for piece in pieces)


def _blanks(text: str) -> str:
    return " " if text == " " else r"\s+"


def _shown(line: Line) -> Iterator[tuple[str, dict[int, str]]]:
    """The line as the program would print it for each set of samples, and the text of each value, by its index."""
    for words in (False, True):
        for sample in SAMPLES:
            texts: dict[int, str] = {}
            made = []
            for index, part in enumerate(line.parts):
                text = part if isinstance(part, str) else _show(part, sample[index % len(sample)], words)
                if isinstance(part, Value):
                    texts[index] = text
                made.append(text)
            yield "".join(made), texts


def _show(value: Value, sample: object, words: bool) -> str:
    if words and value.form in ("{}", "%s") and not value.postfix:
        return WORD
    for each in (sample, int(sample) if isinstance(sample, float) else sample, WORD):
        try:
            return value.show(each)
        except (ValueError, TypeError):
            continue
    return WORD


def _holds(regex: str, candidate: _Candidate, shown: dict[Line, tuple[tuple[str, dict[int, str]], ...]]) -> bool:
    pattern = re.compile(regex)
    for line, samples in shown.items():
        own = line.parts == candidate.line.parts
        for text, texts in samples:
            match = pattern.search(text)
            if not own and match is not None:
                return False
            wanted = texts.get(candidate.index, "").strip().rstrip("%") if own else ""
            if own and wanted != WORD and (match is None or match.group(1) != wanted):
                return False
    return True
