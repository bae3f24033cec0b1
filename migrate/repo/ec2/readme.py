"""Shell in README files: fenced blocks, lines after a prompt, commands in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"^\s*(```+|~~~+)\s*\{?\.?([\w+-]*)")
_PROMPT = re.compile(r"^\s*(?:\(\w[\w.-]*\)\s*)?(?:\w+@[\w.-]+:[^$#]*)?[$>%]\s+")
_INLINE = re.compile(r"`([^`\n]*(?:python|torchrun|accelerate|deepspeed|aws s3|aws ec2|docker run|mpirun)[^`\n]*)`")
_OTHER = frozenset(
    "python py python3 pycon json yaml yml toml ini dockerfile docker hcl terraform tf diff html xml sql r cpp c javascript js css"
    " bibtex latex ipython makefile make text-output markdown md rust go java".split()
)
_BLANK = re.compile(r"<([A-Za-z/~.][\w ./-]*)>|\$\{(\w+-[\w-]+)\}")  # the second: a shell would take it for a variable and its default
_WINDOWS = re.compile(r"(?<=[\w.])\\(?=[\w.])")  # before a letter a shell has no use for it
OPEN, CLOSE, SPACE = "\u27e8", "\u27e9", "\u00a0"


def snippets(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of shell with the number of their first line. What a reader has to fill in (``<path>``) is in brackets that no shell takes
    for a redirection: see :func:`filled`."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is not None:
            end = _end_of_fence(lines, number, fence[1])
            if fence[2].lower() not in _OTHER:
                yield from _block(lines[number + 1 : end], number + 2)
            number = end + 1
            continue
        prompt = _PROMPT.match(lines[number])
        if prompt is not None or lines[number].startswith(("    ", "\t")):
            first = number
            taken = [lines[number][prompt.end() :] if prompt else lines[number].strip()]
            while taken[-1].rstrip().endswith("\\") and number + 1 < len(lines):
                number += 1
                taken.append(lines[number])
            yield first + 1, _blanked("\n".join(taken))
        else:
            yield from ((number + 1, _blanked(quoted)) for quoted in _INLINE.findall(lines[number]))
        number += 1


def filled(text: str) -> str:
    """A word as the README has it."""
    return text.replace(OPEN, "<").replace(CLOSE, ">").replace(SPACE, " ")


def _end_of_fence(lines: list[str], start: int, mark: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip().startswith(mark) and not lines[number].strip().strip(mark[0]):
            return number
    return len(lines)


def _block(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """A fenced block: all of it where it is shell alone; only the lines after a prompt where there are such, as the rest is output."""
    prompts = [_PROMPT.match(line) for line in lines]
    if not any(prompts):
        yield first, _blanked("\n".join(lines))
        return
    kept, number = [""] * len(lines), 0  # output is left blank, so that every line keeps its number
    while number < len(lines):
        prompt = prompts[number]
        if prompt is not None:
            kept[number] = lines[number][prompt.end() :]
            while kept[number].rstrip().endswith("\\") and number + 1 < len(lines):
                number += 1
                kept[number] = re.sub(r"^\s*>\s", "", lines[number])
        number += 1
    yield first, _blanked("\n".join(kept))


def _blanked(text: str) -> str:
    text = "\n".join(_slashed(line) for line in text.split("\n"))
    return _BLANK.sub(lambda match: f"{OPEN}{(match[1] or match[2]).replace(' ', SPACE)}{CLOSE}", text)


def _slashed(line: str) -> str:
    """A command that is written for Windows as a shell reads it: ``python tools\\train.py --data data\\coco\\ --epochs 3``."""
    if "python" not in line or not _WINDOWS.search(line):
        return line
    return _WINDOWS.sub("/", re.sub(r"(?<=\w)\\(?=\s+\S)", "/", line))
