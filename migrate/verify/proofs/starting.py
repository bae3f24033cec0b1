"""How a script is started on EC2: the command's words, the folder it is typed in, and where it says that the data are."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from migrate.job.model import Channel, EntryPoint, Hyperparameter
from migrate.repo.ec2.model import Command
from migrate.verify import settings


@dataclass(frozen=True)
class Starting:
    """A whole command that starts ``entry`` by Python alone. ``quick`` makes it as brief as ``--quick`` makes a run."""

    entry: EntryPoint
    command: Command
    quick: bool

    @property
    def folder(self) -> str:
        """Where it is typed, relative to the root: what the script's path has before the words of the command."""
        if self.command.typed_in is not None:
            return self.command.typed_in
        words = [word.removeprefix("./") for word in shlex.split(self.command.text)]
        paths = [word.replace(".", "/") for word in words] if self.command.as_module else words
        for path in paths:
            for ending in (path, f"{path}.py", f"{path}/__main__.py") if self.command.as_module else (path,):
                if f"/{self.entry.path}".endswith(f"/{ending}"):
                    return self.entry.path.removesuffix(ending).rstrip("/")
        return ""

    @property
    def brief(self) -> tuple[str, ...]:
        """What makes it short: the same options that --quick sets, after the command's own."""
        if not self.quick or self.entry.cli != "argparse":
            return ()
        _, changed = settings.shortened({}, self.entry)
        options = {item.name: item.option for item in self.entry.hyperparameters if item.option}
        return tuple(word for name in changed if name in options for word in (str(options[name]), "1"))

    def argv(self, home: Path) -> tuple[str, ...]:
        """The script and its arguments as Python gets them, where the home folder is ``home``."""
        path = os.path.relpath(self.entry.path, self.folder or ".")
        script = ("-m", path.removesuffix(".py").removesuffix("/__main__").replace("/", ".")) if self.command.as_module else (path,)
        return (*script, *(expanded(word, home) for word in self.command.argv), *self.brief)

    def data(self, channel: Channel, home: Path) -> str | None:
        """The path that the script reads a channel from: what the command says, or else its default."""
        setting = next((item for item in self.entry.hyperparameters if channel.dest is not None and item.dest == channel.dest), None)
        path = None
        if setting is not None and (setting.option or setting.options):
            path = self._given({*setting.options, setting.option or ""})
        elif setting is not None:
            path = self._positional(setting)
        elif channel.option is not None:
            path = self._given({channel.option})
        path = path or channel.default
        return expanded(path, home) if path else None

    def _given(self, options: set[str]) -> str | None:
        argv = self.command.argv
        for word, following in zip(argv, (*argv, None)[1:], strict=True):
            if word in options:
                return following
            if word.partition("=")[0] in options and "=" in word:
                return word.partition("=")[2]
        return None

    def _positional(self, setting: Hyperparameter) -> str | None:
        """The only word that belongs to no option, where the script takes one such; None where that is not so."""
        alone = [item for item in self.entry.hyperparameters if not item.option and not item.options]
        taking = {word for item in self.entry.hyperparameters if item.type != "bool" for word in (*item.options, item.option)}
        several = {word for item in self.entry.hyperparameters if item.nargs not in (None, 1) for word in (*item.options, item.option)}
        argv = self.command.argv
        words = [word for number, word in enumerate(argv) if not word.startswith("-") and not (number and argv[number - 1] in taking)]
        return words[0] if alone == [setting] and len(words) == 1 and not several & set(argv) else None


def expanded(word: str, home: Path) -> str:
    """A word as the shell hands it on: a tilde at its beginning is the home folder."""
    return f"{home}{word[1:]}" if word == "~" or word.startswith("~/") else word
