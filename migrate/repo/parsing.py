"""Source to ``ast``: also what only Python before 3.7 reads, where ``async`` was a name.

``target.cuda(async=True)`` was how PyTorch before 0.4 spelt ``non_blocking``, and many a script still does. To read the rest of such a
file, the name is taken for another one of the same length, so that every line and column stays what it is.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings

STAND_IN = "a5ync"  # what ``async`` is in the tree where it is a name: nobody calls anything that
_NAME = re.compile(r"\basync\b(?!\s*(?:def|for|with)\b)")


def parse(source: bytes | str) -> ast.Module:
    """``ast.parse`` without its warnings; ``async`` as a name comes back as :data:`STAND_IN`.

    Raises SyntaxError, ValueError, RecursionError or MemoryError for what Python cannot read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            older = _with_stand_in(source)
            if older is None:
                raise
            try:
                return ast.parse(older)
            except SyntaxError:
                raise error from None


def _with_stand_in(source: bytes | str) -> str | None:
    """The source with every ``async`` that is a name replaced; None where there is none, or no text can be made of it."""
    try:
        text = source if isinstance(source, str) else source.decode(tokenize.detect_encoding(io.BytesIO(source).readline)[0])
        lines = io.StringIO(text, newline="").readlines()
        found = [token.start for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline) if _is_name(token)]
    except (SyntaxError, UnicodeDecodeError, LookupError, tokenize.TokenError):
        return None
    if not found or len(lines) < found[-1][0]:
        return None
    for line, column in found:
        lines[line - 1] = lines[line - 1][:column] + STAND_IN + lines[line - 1][column + len(STAND_IN) :]
    return "".join(lines)


def _is_name(token: tokenize.TokenInfo) -> bool:
    return token.string == "async" and token.type == tokenize.NAME and _NAME.match(token.line, token.start[1]) is not None
