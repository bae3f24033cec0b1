"""What becomes of each path of a program."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.facts.migrated import Migrated
from migrate.facts.model import Option, Place, Span


@dataclass(frozen=True)
class Redirect:
    """One place that takes its default from a variable of SageMaker's.

    The new expression is ``os.environ.get(env, folder)``, or ``os.path.join(that, rest)`` where ``rest`` is not None; both are source
    text. ``span`` is what is replaced; None where an argument is added to the call ``place`` instead.
    """

    role: str  # channel, model, checkpoint, data, log
    place: Place
    env: str
    folder: str | None
    rest: str | None
    span: Span | None
    default: str | None  # the EC2 path, as text
    channel: str | None = None
    option: Option | None = None
    argument: str | None = None  # the keyword to add, where span is None; empty: by position
    root: str | None = None  # the EC2 folder that a channel stands for
    several: bool = False  # it is the first argument of a join: both stand there
    path_class: str | None = None  # what the file calls pathlib's class, where the expression has to be of that

    def code(self, os_name: str = "os") -> str:
        """The expression; ``os_name`` is what the file calls the module ``os``."""
        given = f'"{self.env}"' if self.folder is None else f'"{self.env}", {self.folder}'
        base = f"{os_name}.environ.get({given})"
        if self.path_class is not None:
            base = f"{self.path_class}({base})"
        if self.rest is None or self.several:
            return base if self.rest is None else f"{base}, {self.rest}"
        return f"{os_name}.path.join({base}, {self.rest})"


@dataclass(frozen=True)
class Left:
    """A path that is left as it is, with the reason. ``loses``: the job would lose what is written there."""

    place: Place
    act: str
    kind: str
    text: str
    reason: str
    loses: bool


@dataclass
class Paths:
    """All that is known of the paths of one program."""

    redirects: list[Redirect] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    remote: list[tuple[Place, str]] = field(default_factory=list)
    migrated: list[Migrated] = field(default_factory=list)
    for_the_user: set[str] = field(default_factory=set)  # dests of options that are read as a path, and name none until they are given
    relative: list[str] = field(default_factory=list)  # those that are opened from the working folder and stay so; ``*`` is not known

    def default_code(self, path: str, span: Span) -> str | None:
        """The environment-defaulted expression for the literal at ``span``; None when it stays as it is."""
        for redirect in self.redirects:
            if redirect.place.path == path and redirect.span == span:
                return redirect.code()
        return None

    def has_channel(self) -> bool:
        """Whether some data come by a channel, or came so already."""
        return any(r.role == "channel" for r in self.redirects) or any(m.role == "channel" for m in self.migrated)

    def redirect_at(self, path: str, span: Span) -> Redirect | None:
        return next((r for r in self.redirects if r.place.path == path and r.span == span), None)
