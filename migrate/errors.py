"""The error that ends a command: one clear line on stderr and exit code 2."""

from __future__ import annotations


class UserError(Exception):
    """The command could not do its work; the text is the one line that the user is told."""
