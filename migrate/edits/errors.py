"""Why one file could not be edited; the caller leaves that file as it is and reports it."""

from __future__ import annotations

from migrate.edits.model import Edit


class EditError(Exception):
    """A file that cannot be rewritten as asked. ``edit`` is the one that stands in the way, None when it is the file itself."""

    def __init__(self, path: str, reason: str, edit: Edit | None = None) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason
        self.edit = edit


class NoPlace(EditError):
    """A statement cannot be put there (a one-line suite, a line that goes on, ``elif``)."""
