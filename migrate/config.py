"""Settings: ``[tool.migrate]`` in the repository's pyproject.toml, or ``migrate.toml``. The command line wins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import UserError

LISTS = ("entry", "select", "ignore", "calls", "with")


@dataclass(frozen=True)
class Settings:
    """What may be set: entry points, rule codes, the user's own tables of calls (absolute paths), and further files (``with``)."""

    entry: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


def load(path: Path, given: Path | None) -> Settings:
    """The settings for ``path``. ``given`` is a file that the user named. Raises UserError for what it cannot read in it."""
    if given is not None and not given.is_file():
        raise UserError(f"--config {given}: no such file")
    for file in [given] if given is not None else _candidates(path):
        table = _table(file)
        if table is not None:
            return _settings(table, file)
    return Settings()


def _candidates(path: Path) -> list[Path]:
    folder = (path if path.is_dir() else path.parent).resolve()
    found = []
    for place in [folder, *folder.parents]:
        found += [f for f in (place / "migrate.toml", place / "pyproject.toml") if f.is_file()]
        if (place / ".git").exists():
            break
    return found


def _table(file: Path) -> dict[str, Any] | None:
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.name == "pyproject.toml" and "tool.migrate" not in text:
        return None
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        data = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise UserError(f"{file}: this is no TOML: {error}") from error
    table = data.get("tool", {}).get("migrate") if file.name == "pyproject.toml" else data
    return table if isinstance(table, dict) else None


def _settings(table: dict[str, Any], file: Path) -> Settings:
    values: dict[str, tuple[str, ...]] = {}
    for key, value in table.items():
        if key not in LISTS:
            raise UserError(f"{file}: no setting {key!r}; there are {', '.join(LISTS)}")
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise UserError(f"{file}: {key} is a list of texts")
        values[key] = tuple(value)
    values["calls"] = tuple(str(file.parent / name) for name in values.get("calls", ()))
    if "with" in values:
        values["extras"] = values.pop("with")
    return Settings(**values)
