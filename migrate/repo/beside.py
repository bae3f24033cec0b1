"""The files that stand beside the Python code and may set something for it: shell, Docker, YAML, notebooks and the like."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.repo.tree import Tree

MOST_FILES, MOST_BYTES = 400, 200_000  # larger ones are data
ENDINGS = tuple(
    ".sh .bash .zsh .csh .ksh .env .yml .yaml .toml .cfg .ini .conf .json .tf .tfvars .ipynb .service .md .rst .mk .properties .xml".split()
)
NAMES = (
    "dockerfile",
    "makefile",
    "crontab",
    "jenkinsfile",
    ".env",
    ".netrc",
    ".pypirc",
    "credentials",
    "userdata",
    "user-data",
    "user_data",
)


def files_beside(tree: Tree) -> Iterator[tuple[str, str]]:
    """(path, text) of each such file that git would list; at most 400, none larger than 200 kB."""
    chosen = [path for path in tree.files if _sets(path)]
    for path in chosen[:MOST_FILES]:
        try:
            if (tree.root / path).stat().st_size > MOST_BYTES:
                continue
            content = tree.read(path)
        except OSError:
            continue
        if b"\0" not in content:
            yield path, content.decode("utf-8", "replace")


def _sets(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(ENDINGS) or name.startswith(NAMES)
