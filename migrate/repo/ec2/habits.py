"""What is done on EC2 that a managed job does otherwise: the machine turned off, metadata asked for, messages sent."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from migrate.repo.ec2.model import Habit
from migrate.repo.ec2.secrets import hidden
from migrate.repo.ec2.words import Word

_METADATA = re.compile(r"169\.254\.169\.254|\bec2-metadata\b|\bec2metadata\b|instance-data/latest")
_SPOT = re.compile(r"spot/(?:instance-action|termination-time)|meta-data/spot|rebalance")
_SLACK = re.compile(r"hooks\.slack\.com|slack\.com/api|\bSLACK_?\w*(?:URL|HOOK|WEBHOOK|TOKEN)", re.IGNORECASE)
_OFF = {"shutdown", "poweroff", "halt"}
_SETUP = {"apt-get", "apt", "yum", "dnf", "amazon-linux-extras", "nvidia-smi"}
LONGEST = 200  # characters of a command that are told


def habit(words: Sequence[Word], text: str, path: str, line: int) -> Habit | None:
    """The habit that a command is, if any. ``text`` is the statement."""
    name = posixpath.basename(words[0].text)
    rest = [word.text for word in words[1:]]
    if (name in _OFF and "-c" not in rest) or (name == "init" and rest[:1] == ["0"]):
        return Habit("shutdown", hidden(text)[:LONGEST], path, line)
    if name == "systemctl" and any(word in {"poweroff", "halt"} for word in rest):
        return Habit("shutdown", hidden(text)[:LONGEST], path, line)
    whole = " ".join([words[0].text, *rest])
    if _SLACK.search(whole) and name in {"curl", "wget", "http", "slack", "slackcat", "xh"}:
        return Habit("slack", hidden(text)[:LONGEST], path, line)
    if name in {"mail", "sendmail", "mutt", "ssmtp"}:
        return Habit("mail", hidden(text)[:LONGEST], path, line)
    if name in _SETUP and any(word in {"install", "update", "upgrade", "-pm"} for word in rest):
        return Habit("setup", hidden(text)[:LONGEST], path, line)
    return None


def metadata(text: str, path: str, first_line: int) -> Iterator[Habit]:
    """Lines of shell or Python that ask for the machine's metadata, wherever in a line they do."""
    if _METADATA.search(text) is None:
        return
    for number, line in enumerate(text.splitlines(), first_line):
        if _METADATA.search(line) and not line.lstrip().startswith("#"):
            yield Habit("spot-watcher" if _SPOT.search(line) else "metadata", hidden(line.strip())[:LONGEST], path, number)
