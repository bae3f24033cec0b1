"""What the path rules share: a redirect as the edits that make it, and as a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import AddArgument, Edit, Replace
from migrate.facts.model import Option
from migrate.facts.redirects import Redirect
from migrate.rules.base import Context
from migrate.rules.hooks import spelling
from migrate.rules.model import Finding

SKIPPED_NARGS = ("*", "+", "...", "A...")


def named(text: str) -> str:
    """A path as a message names it: what is known of it, or that nothing is."""
    return repr(text) if text.strip("*/") else "a path that is not known here"


def edits_of(context: Context, redirect: Redirect) -> tuple[Edit, ...]:
    """The edits of one redirect, with the import of ``os`` where the file lacks it."""
    path = redirect.place.path
    tree = context.program.modules[path].tree
    name, needed = local_name(tree, path, "os", before=redirect.span or redirect.place.span)
    edits: list[Edit] = [needed] if needed is not None else []
    if redirect.span is not None:
        edits.append(Replace(path, redirect.span, redirect.code(name), redirect.several))
    elif redirect.argument is not None:
        keyword = f"{redirect.argument}=" if redirect.argument else ""
        edits.append(AddArgument(path, redirect.place.span, keyword + redirect.code(name)))
    elif redirect.option is not None:
        edits += _default_of(redirect, redirect.option, name)
    if redirect.option is not None:
        edits += _relaxed(redirect, redirect.option, name)
    return tuple(edits)


def _default_of(redirect: Redirect, option: Option, name: str) -> Iterator[Edit]:
    """``default=`` for an option that has none: replaced where it says None, added otherwise."""
    if option.default_span is not None:
        yield Replace(redirect.place.path, option.default_span, redirect.code(name))
    else:
        yield AddArgument(redirect.place.path, redirect.place.span, f"default={redirect.code(name)}")


def _relaxed(redirect: Redirect, option: Option, name: str) -> Iterator[Edit]:
    """A required option stops being required, and a positional one may be left out, exactly where the variable is set."""
    path = redirect.place.path
    if option.required and option.required_span is not None and not option.positional:
        yield Replace(path, option.required_span, f'"{redirect.env}" not in {name}.environ')
    if option.positional and option.nargs is None:
        code = f'"?" if "{redirect.env}" in {name}.environ else None'
        if option.nargs_span is not None:
            yield Replace(path, option.nargs_span, code)
        else:
            yield AddArgument(path, redirect.place.span, f"nargs={code}")


def becomes_option(context: Context, redirect: Redirect) -> bool:
    """Whether the rule for scripts without a parser makes an option of it, with this default."""
    if context.arguments.cli == "sys.argv" and redirect.option is not None:
        return True
    if context.arguments.cli != "constants" or redirect.span is None:
        return False
    from migrate.facts.constants import find_constants

    return any(c.place.path == redirect.place.path and c.value_span == redirect.span for c in find_constants(context.program))


def redirected(context: Context, code: str, name: str, roles: Iterable[str], severity: str, what: str) -> Iterator[Finding]:
    """A finding for each redirect of these roles. ``what`` is the message; ``{path}`` and ``{env}`` are filled in."""
    for redirect in context.paths.redirects:
        if redirect.role not in roles:
            continue
        option = redirect.option
        given = f"what {spelling(option)} names" if option is not None else "its path"
        message = what.format(path=repr(redirect.default) if redirect.default else given, env=redirect.env)
        edits = () if becomes_option(context, redirect) else edits_of(context, redirect)
        yield Finding(code, name, redirect.place, severity, message, "safe", None, 1, edits)
