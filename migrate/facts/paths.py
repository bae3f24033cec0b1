"""What each path of a program is for, and where it belongs on SageMaker.

An origin (a literal or an option) is an input, which becomes a channel; an output, which goes below SM_MODEL_DIR or
SM_OUTPUT_DATA_DIR; or it stays, with a reason.
Every redirect keeps its EC2 value to the byte: ``os.path.join(folder, rest)`` spells what the literal spelt.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator

from migrate.facts.addresses import ADDRESSED, in_addresses
from migrate.facts.caches import CACHE, as_cache
from migrate.facts.calls import Table
from migrate.facts.channels import channels
from migrate.facts.fetched import is_fetched
from migrate.facts.flow import reaching
from migrate.facts.given import always_read, is_for_the_user
from migrate.facts.grouping import Group, is_folder, is_itself, takes_file
from migrate.facts.listed import LISTED, is_listed
from migrate.facts.locations import (
    DATA_WORDS,
    LOG_WORDS,
    MODEL_WORDS,
    PATH_WORDS,
    folder_of,
    is_below,
    is_file_like,
    is_system,
    kind_of,
    may_be_below,
    normal,
    split_at,
    split_of,
    words,
)  # fmt: skip
from migrate.facts.migrated import Migrated, find_migrated
from migrate.facts.model import Arguments, Place, Span
from migrate.facts.origins import (
    begins_names,
    compared_names,
    has_pair,
    inside_others,
    is_derived_from,
    is_known,
    is_loaded_by_name,
    may_be_set_again,
    names_behind,
    names_in_the_middle,
    prefixes,
    quoted,
    starts_join,
    starts_path,
    was_set_again,
)
from migrate.facts.outputs import MODEL_DIR, OUTPUT_DIR, Outputs, makes_anew
from migrate.facts.parts import LIBRARY_DEFAULT, PART_OF_PATH, TIME_OR_CHANCE, Value, text_of
from migrate.facts.program import Module, Program
from migrate.facts.redirects import Left, Paths, Redirect
from migrate.facts.secrets.texts import is_secret_file
from migrate.facts.uses import BESIDE_INPUT, Origin, PathUse, Unknown, Uses, find_uses, is_certain_text, is_home, names_around
from migrate.facts.values import Values

SETTINGS = (".yaml", ".yml", ".json", ".cfg", ".ini", ".toml", ".py", ".names")
TORN = "data are read, and results are written, below the same path: give each a path of its own"
TEXTS = (None, "str", "Path", "pathlib.Path", "os.path.abspath", "os.path.expanduser")  # what an option of a path has as its type
LOADED = "an object that is not known loads it by the same text, which may be a name below a folder of its own"
SET_AGAIN = "a file that is merged into the settings may put the path of EC2 back: look there, or leave it out of that file"
SECRET = "by its name it holds a secret, which has no place on a channel: the job should read it from Secrets Manager (get_secret)"
GIVEN_FILE = "only the user knows the file that {0} names: put it on a channel, and give {0} its path, /opt/ml/input/data/CHANNEL/FILE"
GIVEN_NAMES = "only the user knows how {0} begins the names: put the files on a channel, and give {0} as /opt/ml/input/data/CHANNEL/NAME"
DATA_ENDINGS = tuple(
    ".csv .tsv .npz .npy .h5 .hdf5 .pkl .pickle .gz .zip .tar .parquet .jsonl .mdb .tfrecord .tfrecords .mat .pt .pth .feather".split()
)


class _Decider:
    def __init__(self, program: Program, values: Values, uses: Uses, shipped: frozenset[str], migrated: list[Migrated]) -> None:
        self.program = program
        self.values = values
        self.uses = uses
        self.shipped = shipped
        self.result = Paths(remote=[(u.module.place(u.call), text) for u, text in uses.remote], migrated=migrated)
        self.outputs = Outputs(uses, [])
        self.removed: set[str] = set()  # files in the working folder that the script removes
        self.placed: set[int] = set()  # ids of uses whose path starts, or may start, at a place that was redirected
        self.compared, self.compared_empty = compared_names(program)

    def _anchored_input(self, origin: Origin) -> None:
        """A folder beside the code that is read, and that the repository does not hold, is a channel; the join is its default."""
        call, names, path_class = origin.joined, names_behind(origin), self._path_class(origin)
        if call is None or not names or path_class == "" or not any(u.act in ("read", "list") for u, _ in origin.uses):
            return
        below = normal("/".join(names))
        if not below.strip("./") or is_file_like(below) or any(is_below(path, below) for path in self.shipped):
            return
        taken = {r.channel for r in self.result.redirects}
        name = split_of(words(below)) or "training"
        name = name if name not in taken else "".join(c if c.isalnum() and c.isascii() else "_" for c in below).lower()
        source = origin.module.segment(call)
        if source is not None and name not in taken:
            place, env = origin.module.place(call), f"SM_CHANNEL_{name.upper()}"
            self.result.redirects.append(
                Redirect("channel", place, env, source, None, Span.of(call), below, name, root=below, path_class=path_class)
            )

    def _path_class(self, origin: Origin) -> str | None:
        """What the file calls ``pathlib.Path``, where an anchor starts a join by ``/``: empty where it has no sure name for it."""
        if not isinstance(origin.joined, ast.BinOp):
            return None
        module, scope = origin.module, origin.module.scope(origin.joined)
        for name, bindings in module.names.root.bindings.items():
            binding = bindings[0]
            if binding.kind != "import" or binding.module != "pathlib" or binding.name not in (None, "Path") or len(bindings) > 1:
                continue
            always = module.parent(binding.node) is module.tree and module.statement(binding.node).lineno < origin.joined.lineno
            found = scope.lookup(name)
            if always and found is not None and found[0] is module.names.root:
                return name if binding.name else f"{name}.Path"
        return ""

    # -- roles -----------------------------------------------------------------------------------------------------------------------

    def decide(self) -> Paths:
        for origin in [o for o in self.uses.origins.values() if self._reads_others(o) or self._reads_texts(o)]:
            origin.uses = [(as_cache(origin.uses, use, value), value) for use, value in origin.uses]
        origins = [o for o in self.uses.origins.values() if o.uses and o.kind != "anchor"]
        inner = inside_others(self.uses)
        self.removed = {
            normal(o.text)
            for o in origins
            if o.kind == "literal" and o.text and any(u.act == "remove" and is_itself(o, v) for u, v in o.uses)
        }
        middle = names_in_the_middle(self.program, self.values, self.uses)
        usable = [o for o in origins if self._is_path(o) and id(o) not in inner]
        usable = [o for o in usable if o.option is None or (o.option.place, o.option.dest) not in middle]
        addressed = in_addresses(self.program, self.values, usable)
        for origin in [o for o in usable if id(o) in addressed]:
            self._leave(origin, ADDRESSED, loses=True)
        usable = [o for o in usable if id(o) not in addressed]
        outputs = [o for o in usable if self._writes(o)]
        written = {normal(prefix) for o in outputs if o.text is not None for prefix in prefixes(o, ("write", "make"))}
        written |= {normal(m.default) for m in self.result.migrated if m.role != "channel" and m.default}
        rest = [o for o in usable if o not in outputs]
        follows = [o for o in rest if self._follows(o, written)]
        outputs += follows
        torn = {id(o): TORN for o in rest if o not in follows and self._is_torn(o)}
        torn |= {id(o): LOADED for o in rest if is_loaded_by_name(self.program, o)}
        secret = [o for o in rest if o not in follows and is_secret_file(o.text or "") or o.option and is_secret_file(o.option.dest)]
        rest = [o for o in rest if o not in secret]
        inputs = [o for o in rest if o not in follows and id(o) not in torn and self._reads(o)]
        inputs += [o for o in rest if o not in follows and o not in inputs and self._asks(o, inputs)]
        self.outputs = Outputs(self.uses, outputs, self.result.migrated)
        for group in self.outputs.groups:
            for origin in group.origins:
                self._redirect(origin, group, self.outputs.role(origin))
        for group in channels(inputs):
            for origin in group.origins:
                self._redirect(origin, group, "channel")
                self._leave(origin, BESIDE_INPUT, loses=True, acts=("write",))
        for origin in secret:
            self._leave(origin, SECRET, loses=False, acts=("read",))
        for origin in [o for o in rest if id(o) in torn]:
            self._leave(origin, torn[id(origin)], loses=True)
        done = {id(o) for o in [*outputs, *inputs, *secret]} | torn.keys() | addressed
        self.placed = self.uses.placed | {id(u) for o in [*outputs, *inputs] if self._has_place(o) for u, _ in o.uses}
        for origin in self.uses.origins.values():
            if origin.kind == "anchor":
                before = len(self.result.redirects)
                self._anchor(origin)
                self.placed |= {id(u) for u, _ in origin.uses if len(self.result.redirects) > before}
        for origin in origins:
            if id(origin) not in done:
                self._note_given(origin)
                self._at_the_call(origin)
        self._unknown_uses()
        self._set_again()
        self._library_defaults()
        self.result.relative = list(dict.fromkeys(self._relative()))
        self.result.left = list({(x.place, x.act): x for x in reversed(self.result.left)}.values())[::-1]
        # json.load(open(path)) is one read to a person
        self.result.left = list({(x.place.path, x.place.span.line, x.act, x.text, x.reason): x for x in self.result.left}.values())
        return self.result

    def _relative(self) -> Iterator[str]:
        """Paths below the working folder that nothing gives another place."""
        for origin in self.uses.origins.values():
            for use, value in origin.uses if not self._has_place(origin) else ():
                moved = use.argument is not None and self.result.redirect_at(use.module.path, Span.of(use.argument)) is not None
                beside_code = origin.kind == "anchor" and value[0].text != "."
                if moved or beside_code or id(use) in self.placed:
                    continue
                text = "/".join((".", text_of(value[1:]).lstrip("/"))) if origin.kind == "anchor" else text_of(value)
                whole = normal(text) == "" and (use.act != "list" or not text)  # the working folder itself
                if text.startswith(("/", "~", "$", "*")) or is_system(text) or whole:
                    continue
                yield text

    def _set_again(self) -> None:
        """What an earlier apply has given its place, and a merged file may put back: told as it was told then."""
        for use, value in self.uses.moved:
            first, acts = value[0], ("read", "list") if value[0].text.startswith("SM_CHANNEL_") else ("write", "make")
            if first.module is None or not isinstance(first.node, ast.Call) or use.act not in acts:
                continue
            if was_set_again(self.program, first.module, first.node):
                given = self.values.of(first.module, first.node.args[1]) if len(first.node.args) > 1 else []
                text = text_of((*given[0], *value[1:])) if given and text_of(given[0]) else text_of(value[1:]).lstrip("/")
                kind = kind_of(use.row.kind, text, set())
                self.result.left.append(Left(use.module.place(use.call), use.act, kind, text, SET_AGAIN, use.act == "write"))

    def _has_place(self, origin: Origin) -> bool:
        if origin.option is not None:
            return any(r.option is origin.option for r in self.result.redirects)
        return origin.node is not None and self.result.redirect_at(origin.module.path, Span.of(origin.node)) is not None

    def _anchor(self, origin: Origin) -> None:
        """The start of a path in the working folder or the code's own: what is written there gets another start, what is read travels."""
        assert origin.node is not None
        source = origin.module.segment(origin.node)
        acts = origin.acts()
        if "write" not in acts and "make" not in acts:
            self._anchored_input(origin)
            return
        if any(text_of(value[1:]).lstrip("/").startswith("..") for _, value in origin.uses):
            self._leave(origin, "it climbs out of that folder", loses=True)
            return
        named = words(" ".join(names_behind(origin))) | names_around(origin.module, origin.joined or origin.node)
        if is_derived_from(origin) or (named & DATA_WORDS and not named & (MODEL_WORDS | LOG_WORDS)):
            self._anchored_input(origin)
            return
        names = names_behind(origin)
        if names and is_file_like(names[-1]) and not any(u.act in ("write", "make") and is_known(v) for u, v in origin.uses):
            self._leave(origin, "it has a name made from that of a file beside the code", loses=True, acts=("write",))
            return
        if self._reads_others(origin) or source is None:
            self._leave(origin, "the same folder is read and written", loses=True)
            return
        if origin.joined is None and not starts_path(origin):
            self._leave(origin, "it starts at a folder that the code uses as a whole", loses=True)
            return
        path_class = self._path_class(origin)
        if path_class == "":
            self._leave(origin, "it is a path of pathlib's, for which the file has no name", loses=True)
            return
        role = self.outputs.role(origin)
        env = MODEL_DIR if role in ("model", "checkpoint") else OUTPUT_DIR
        node = self._whole(origin.module, origin.node)
        source = origin.module.segment(node) or source
        self.result.redirects.append(
            Redirect(role, origin.module.place(node), env, source, None, Span.of(node), source, path_class=path_class)
        )

    def _reads_others(self, origin: Origin) -> bool:
        """Whether data are read below a folder that the script does not write itself."""
        read = {normal(text_of(v)) for u, v in origin.uses if u.act in ("read", "list") and u.row.kind == "data"}
        if origin.kind == "anchor" and origin.joined is None:
            return bool(read)
        written = {normal(text_of(v)) for u, v in origin.uses if u.act == "write"}
        made = written | {normal(text_of(v)) for u, v in origin.uses if u.act == "make"}
        return any(not any(may_be_below(r, w) for w in written) and not any(may_be_below(m, r) for m in made) for r in read)

    def _whole(self, module: Module, node: ast.expr) -> ast.expr:
        """The f-string that ``node`` stands in, since the inside of one is no place to edit; else itself."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            if isinstance(current, ast.JoinedStr):
                return current
            current = module.parent(current)
        return node

    def _is_path(self, origin: Origin) -> bool:
        """Whether the origin itself is a path, rather than a name that goes into one."""
        if origin.option is not None:
            if origin.option.choices or origin.option.action not in ("store", "append") or origin.option.dest in self.compared:
                return False
            if origin.text is None:
                return origin.option.type in TEXTS and bool(origin.names & PATH_WORDS)
            if origin.text == "":
                return bool(origin.names & PATH_WORDS) and self._may_be_given(origin)
        text = origin.text or ""
        if text in ("~", "~/", "/"):  # everything stands below it
            return False
        if not text.strip("./") and origin.kind == "literal" and not isinstance(origin.node, ast.JoinedStr):
            saved = any(u.act == "write" and u.row.kind in ("model", "log") for u, _ in origin.uses)
            return saved and text != ""  # the working folder as a whole may be where data are fetched to
        if "/" in text or text.startswith((".", "~")) or is_file_like(text) or origin.names & PATH_WORDS:
            return True
        return (
            origin.kind == "literal"
            and all(self._is_whole(origin, value) for _, value in origin.uses)
            or isinstance(origin.node, ast.JoinedStr)
        )

    def _is_whole(self, origin: Origin, value: Value) -> bool:
        """Whether the literal is a whole component of the path: alone, or with a slash behind it."""
        return len(value) == 1 or (value[1].kind == "literal" and value[1].text.startswith("/")) or value[1].node is origin.node

    def _writes(self, origin: Origin) -> bool:
        acts = origin.acts()
        if is_derived_from(origin) or self._is_fetched(origin) or is_loaded_by_name(self.program, origin):
            return False
        if "write" in acts:
            if origin.names & DATA_WORDS and not origin.names & (MODEL_WORDS | LOG_WORDS | {"out", "output", "save", "result", "results"}):
                data_reads = [u for u, _ in origin.uses if u.act in ("read", "list") and u.row.kind == "data"]
                return not data_reads
            return not self._is_torn(origin) and (self.outputs.role(origin) != "data" or not self._reads_others(origin))
        if "make" not in acts:
            return False
        reads = [u for u, _ in origin.uses if u.act == "read" and u.row.kind == "data"]
        base = normal(origin.text or "")
        inside = [
            o
            for o in self.uses.origins.values()
            if o is not origin and o.text and base and is_below(normal(o.text), base) and o.acts() & {"read", "list"}
        ]
        return not reads and not any("write" not in o.acts() and any(u.row.kind == "data" for u, _ in o.uses) for o in inside)

    def _is_torn(self, origin: Origin) -> bool:
        """Whether models or logs are written below a path that data are read from, which the script does not write."""
        saves = any(u.act == "write" and u.row.kind in ("model", "log", "checkpoint") for u, _ in origin.uses)
        return saves and not self._is_fetched(origin) and (self._reads_others(origin) or self._reads_texts(origin))

    def _reads_texts(self, origin: Origin) -> bool:
        """Whether a file of data, no settings, is opened below a folder that is written to, and that the script does not write itself."""
        made = {normal(text_of(v)) for u, v in origin.uses if u.act in ("write", "make") and not (u.act == "make" and len(v) == 1)}
        for use, value in origin.uses:
            text = normal(text_of(value))
            data = kind_of(use.row.kind, text, set()) == "data" and not text.endswith(SETTINGS) and is_file_like(text) and "*" not in text
            if use.act == "read" and data and not any(may_be_below(text, m) for m in made):
                return True
        return False

    def _is_fetched(self, origin: Origin) -> bool:
        """Whether data are read that the script fetches where they are not there yet: with the channel, it finds them."""
        writes = [u for u, _ in origin.uses if u.act in ("write", "make")]
        read = any(u.act in ("read", "list") and u.row.kind == "data" for u, _ in origin.uses)
        return read and "test" in origin.acts() and all(is_fetched(self.program, u.module, u.call) for u in writes)

    def _asks(self, origin: Origin, inputs: list[Origin]) -> bool:
        """Whether it is only looked whether an input is there: it has to be looked where the input is read."""
        alike = {normal(o.text) for o in inputs if o.text is not None}
        return origin.kind == "literal" and origin.acts() == {"test"} and normal(origin.text or "") in alike

    def _follows(self, origin: Origin, written: set[str]) -> bool:
        """Whether a read, a test or a removal concerns what the script itself writes."""
        if not origin.text:
            return False
        heres = {normal(prefix) for prefix in prefixes(origin)} - {""}
        if any(here == w or (w and is_below(here, w)) for w in written for here in heres) or has_pair(origin):
            return True
        here = normal(origin.text)
        weak = origin.acts() <= {"test", "list", "remove", "make"} or all(u.row.kind != "data" for u, _ in origin.uses)
        known = {normal(text_of(v)) for _, v in origin.uses if is_known(v)} | ({here} if origin.acts() <= {"test", "make"} else set())
        searched = {folder_of(text) if "*" in text and "/" in text else text for text in known}
        return weak and any(is_below(w, folder) for w in written for folder in searched - {""})

    def _reads(self, origin: Origin) -> bool:
        acts = origin.acts()
        if not acts & {"read", "list"} and not (acts & {"make", "write"}):
            return False
        if origin.option is not None and origin.text is None:
            return self._wants_channel(origin) and not self._is_one_file(origin)
        if not origin.text or not origin.text.strip("./") or is_system(origin.text):
            return False
        if origin.kind == "literal" and normal(origin.text) in self.removed:
            return False  # scratch that another program has written
        return not self._travels(origin)

    def _wants_channel(self, origin: Origin) -> bool:
        option = origin.option
        assert option is not None
        if self.values.cli == "sys.argv" and option.nargs == "?":  # the code has another value for where it is left out
            return False
        left_out = option.default is None and option.default_known and bool(origin.names & DATA_WORDS) and is_folder(origin)
        return (
            (option.required or option.positional or left_out)
            and "*" not in str(option.nargs)
            and "+" not in str(option.nargs)
            and not isinstance(option.nargs, int)
        )

    def _is_one_file(self, origin: Origin) -> bool:
        """Whether the option itself names a file, or begins the names of some, which nobody but the user knows: ``pd.read_csv(args.data)``,
        ``torch.save(model, args.out + ".pt")``."""
        opened = any(u.act in ("read", "write") and len(v) == 1 and takes_file(u.row) for u, v in origin.uses)
        return opened or is_derived_from(origin) or begins_names(origin)

    def _travels(self, origin: Origin) -> bool:
        """A small file of the repository that the code reads beside itself, or a whole folder given only as a literal."""
        text = normal(origin.text or "")
        if text not in self.shipped and text.endswith(SETTINGS) and any(path.endswith("/" + text) for path in self.shipped):
            return True
        if text not in self.shipped and self._is_one_of_settings(text):
            return True
        if text not in self.shipped:
            return origin.kind == "literal" and not (origin.names | words(text)) & DATA_WORDS and self._settings_of(origin)
        return text.endswith(SETTINGS) or not text.endswith(DATA_ENDINGS) or bool(origin.names & {"config", "cfg", "vocab", "tokenizer"})

    def _is_one_of_settings(self, text: str) -> bool:
        """Whether a file of settings would stand among those of a folder that the repository ships: its author named one that is gone."""
        ending = posixpath.splitext(text)[1]
        return (
            ending in SETTINGS
            and ending != ".json"
            and any(folder_of(p) == folder_of(text) != "" and p.endswith(ending) for p in self.shipped)
        )

    def _settings_of(self, origin: Origin) -> bool:
        """Whether all that is read are settings from a folder where the repository ships such settings: ``cfgs/{}.yml``."""
        read = [posixpath.splitext(normal(text_of(value)).rstrip("*")) for use, value in origin.uses if use.act in ("read", "list", "test")]
        homes = {(folder_of(path), posixpath.splitext(path)[1]) for path in self.shipped if path.endswith(SETTINGS)}
        return bool(read) and all("/" in stem and (folder_of(stem), ending) in homes for stem, ending in read)

    # -- redirects -------------------------------------------------------------------------------------------------------------------

    def _redirect(self, origin: Origin, group: Group, role: str) -> None:
        place = origin.option.place if origin.option is not None else origin.module.place(origin.node) if origin.node is not None else None
        assert place is not None
        if origin.text is None:
            self._redirect_without_text(origin, group, role, place)
            return
        if id(origin) in self.outputs.unplaced:
            self._leave(origin, self.outputs.unplaced[id(origin)], loses=True)
            return
        base = self.outputs.bases.get(id(origin), group.base)
        split = split_at(origin.text, base)
        if not base and origin.text.startswith(("/", "~")):  # nothing of it is the same each time
            split = None
        if origin.node is None or split is None:
            self._leave(origin, "its spelling cannot be kept exactly on EC2", loses=role != "channel")
            return
        folder, rest = split
        if rest is None and self._concatenated(origin):
            rest = None if not folder.endswith("/") else ""
        codes = self._codes(origin, folder, rest)
        if codes is None:
            self._leave(origin, "its text is written in a way that is not taken apart here", loses=role != "channel")
            return
        redirect = Redirect(
            role,
            place,
            group.env,
            codes[0],
            codes[1],
            Span.of(origin.node),
            origin.text,
            group.channel,
            origin.option,
            root=folder if role == "channel" else None,
            several=codes[1] is not None and starts_join(self.program, origin),
        )
        self.result.redirects.append(redirect)
        if may_be_set_again(self.program, origin):
            self._leave(origin, SET_AGAIN, loses=True, acts=("read", "list") if role == "channel" else ("write", "make"), once=True)

    def _redirect_without_text(self, origin: Origin, group: Group, role: str, place: Place) -> None:
        """An option that has no default, or one that is put together: the latter goes below the variable as it is."""
        assert origin.option is not None
        if origin.node is None:
            if role != "channel" and self._is_one_file(origin):
                self._leave(origin, f"it is the file that {origin.option.dest} names, which only the user knows", loses=True)
            elif role == "channel" or self._wants_channel(origin) or self._may_be_given(origin):
                self.result.redirects.append(Redirect(role, place, group.env, None, None, None, None, group.channel, origin.option))
            else:
                self._leave(origin, f"its option {origin.option.dest} has no default", loses=False, acts=("write", "make"))
            return
        source = origin.module.segment(origin.node)
        if source is not None and any(is_home(v[0]) for v in self.values.of(origin.module, origin.node)):  # absolute: in its place
            self.result.redirects.append(
                Redirect(role, place, group.env, source, None, Span.of(origin.node), source, group.channel, origin.option)
            )
        elif role != "channel" and source is not None:
            self.result.redirects.append(Redirect(role, place, group.env, '""', source, Span.of(origin.node), source, None, origin.option))

    def _may_be_given(self, origin: Origin) -> bool:
        """Whether an output folder that is not given may be SageMaker's: nothing is looked for in it, and it may be there already."""
        option, acts = origin.option, origin.acts()
        return (
            option is not None
            and option.default in (None, "")
            and option.default_known
            and option.dest not in self.compared_empty
            and option.nargs is None
            and is_folder(origin)
            and acts <= {"write", "make", "test"}
            and ("make" in acts or "test" not in acts)
            and not makes_anew(origin)
        )

    def _concatenated(self, origin: Origin) -> bool:
        return (origin.text or "").endswith("/")

    def _codes(self, origin: Origin, folder: str, rest: str | None) -> tuple[str, str | None] | None:
        """Source text of the folder and of the rest, in the quotes of the original."""
        node = origin.node
        assert node is not None and origin.text is not None
        source = origin.module.segment(node)
        if source is None:
            return None
        quote = "'" if source.rstrip().endswith("'") else '"'
        if folder == "" and rest is not None:
            return f"{quote}{quote}", source
        if isinstance(node, ast.JoinedStr):
            at = source.find(folder + "/")
            opening = source.find(quote) + 1
            if at != opening or source.startswith(("'''", '"""'), opening - 1):
                return None
            return quoted(folder, quote), source[:opening] + source[opening + len(folder) + 1 :]
        return quoted(folder, quote), None if rest is None else quoted(rest, quote)

    def _leave(self, origin: Origin, reason: str, loses: bool, acts: tuple[str, ...] | None = None, once: bool = False) -> None:
        """``once``: what is told is of the start itself, and one of its uses says it for all."""
        told = 0
        ordered = sorted(origin.uses, key=lambda one: (one[0].act not in ("read", "write"), one[0].module.path, one[0].call.lineno))
        for use, value in ordered if once else origin.uses:
            if (acts is not None and use.act not in acts) or (reason == BESIDE_INPUT and is_fetched(self.program, use.module, use.call)):
                continue
            if once and told:
                return
            told += 1
            kind = kind_of(use.row.kind, text_of(value), origin.names)
            reason = CACHE if reason == BESIDE_INPUT and use.row.kind == "cache" else reason
            self.result.left.append(Left(use.module.place(use.call), use.act, kind, text_of(value), reason, loses and use.act == "write"))

    # -- at the call -----------------------------------------------------------------------------------------------------------------

    def _note_given(self, origin: Origin) -> None:
        """An option that names no path until it is given: told where the script cannot do without, else among the job's settings."""
        if origin.option is None or not is_for_the_user(origin) or origin.option.dest in self.compared:
            return
        self.result.for_the_user.add(origin.option.dest)
        always = {id(use) for use in always_read(self.program, origin.option, [use for use, _ in origin.uses])}
        for use, value in origin.uses if not self._is_given_file(origin) else ():
            if id(use) in always and use.row.kind == "model":  # settings may travel with the code
                self._tell_given(origin, use, text_of(value))

    def _at_the_call(self, origin: Origin) -> None:
        for use, value in origin.uses:
            if id(use) in self.placed:  # another of its starts has a place of its own
                continue
            if use.act == "read" and self._is_given_file(origin):
                self._tell_given(origin, use, text_of(value))
                continue
            if text_of(value) == "" and origin.option is None:  # stands for no file
                continue
            name = f"the option {origin.option.dest}" if origin.option else f"the name {origin.text!r}"
            what = "whose default is no path" if origin.option and not origin.text else "which is not a path by itself"
            self._wrap(use, value, f"it starts at {name}, {what}")

    def _tell_given(self, origin: Origin, use: PathUse, text: str) -> None:
        assert origin.option is not None
        place, told = use.module.place(use.call), GIVEN_NAMES if begins_names(origin) else GIVEN_FILE
        self.result.left.append(Left(place, "read", "data", text, told.format(origin.option.dest), loses=False))

    def _is_given_file(self, origin: Origin) -> bool:
        """Whether the option names a file of data, or begins the names of some, and has no default that tells where they are."""
        if origin.option is None or origin.option.default or not origin.option.default_known or not self._is_one_file(origin):
            return False
        return bool(origin.names & DATA_WORDS) or any(u.act == "read" and u.row.kind == "data" for u, _ in origin.uses)

    def _unknown_uses(self) -> None:
        for beside in self.uses.beside:
            if is_fetched(self.program, beside.use.module, beside.use.call):
                continue
            text = text_of(beside.value)
            kind = kind_of(beside.use.row.kind, text, set())
            cache = as_cache(self.uses.moved, beside.use, beside.value).row.kind == "cache"
            reason = CACHE if cache else beside.reason
            self.result.left.append(Left(beside.use.module.place(beside.use.call), "write", kind, text, reason, True))
        for unknown in self.uses.unknown:
            if id(unknown.use) in self.placed and unknown.use.act not in ("write", "open"):
                continue
            if any(self._below_default(unknown, use) for use in self.uses.defaulted):
                continue
            if not self._tell_listed(unknown.use, unknown.value):
                self._wrap(unknown.use, unknown.value, unknown.reason)

    def _tell_listed(self, use: PathUse, value: Value) -> bool:
        """A file whose path stands in another one that is read."""
        if use.act != "read" or use.row.kind != "data" or use.argument is None:
            return False
        if not is_listed(self.program, use.module, use.argument):
            return False
        self.result.left.append(Left(use.module.place(use.call), "read", "data", text_of(value), LISTED, False))
        return True

    def _wrap(self, use: PathUse, value: Value, reason: str) -> None:
        """Put the whole argument below the variable where that cannot change it on EC2: ``os.path.join("", text)`` is ``text``."""
        text = text_of(value)
        kind = kind_of(use.row.kind, text, set())
        place = use.module.place(use.call)
        if use.act == "open":
            self.result.left.append(Left(place, "write", kind, text, reason, True))
            return
        temporary = any(p.kind == "hole" and "temporary" in p.text for p in value)
        if temporary or use.act == "test" or (use.act in ("read", "list") and normal(text) in self.shipped):
            return
        first = value[0]
        named = first.option is not None and isinstance(first.option.default, str)  # one without a default may be any path
        relative = first.kind == "literal" or named or first.text in (PART_OF_PATH, TIME_OR_CHANCE)
        alone = "/" not in text  # a folder would have to be made there too
        if use.act == "write" and relative and alone and use.argument is not None and self._is_text(use.module, use.argument):
            env = MODEL_DIR if kind in ("model", "checkpoint") else OUTPUT_DIR
            source = use.module.segment(use.argument)
            if source is not None and "\n" not in source:
                self.result.redirects.append(
                    Redirect(kind if kind != "cache" else "data", place, env, '""', source, Span.of(use.argument), text)
                )
                return
        off = (
            value[0].option is not None and value[0].option.default_known and not value[0].option.default
        )  # unless it is given, nothing is written
        said = text.strip("*/.") != "" or not self.result.has_channel()
        if use.act in ("write", "make") or (use.act in ("read", "list") and use.row.kind == "data" and said):
            self.result.left.append(Left(place, use.act, kind, text, reason, use.act == "write" and not off))

    def _is_text(self, module: Module, node: ast.expr) -> bool:
        """Whether an expression is a ``str`` by its form, or names one that is."""
        if isinstance(node, ast.Name):
            found = module.scope(node).lookup(node.id)
            seen = reaching(module, node, *found) if found is not None else []
            return bool(seen) and all(b.kind == "assign" and not b.index and b.value is not None and is_certain_text(b.value) for b in seen)
        return is_certain_text(node)

    def _below_default(self, unknown: Unknown, use: PathUse) -> bool:
        """Whether a path starts at the folder that the call ``use`` leaves to the library: it moves with it."""
        return unknown.value[0].text == LIBRARY_DEFAULT and unknown.value[0].node is use.call

    def _library_defaults(self) -> None:
        for use in self.uses.defaulted:
            keyword = next((k for p, k in use.row.arguments if k is not None), None)
            if keyword is None or use.act != "write":
                continue
            below = [one for one in self.uses.unknown if one.use.act == "write" and self._below_default(one, use)]
            kinds = [kind_of(one.use.row.kind, text_of(one.value), set()) for one in below]
            role = next((kind for kind in kinds if kind in ("model", "checkpoint")), self.outputs.kind(use))
            env = MODEL_DIR if role in ("model", "checkpoint") else OUTPUT_DIR
            place = use.module.place(use.call)
            default = use.row.default
            if use.row.name == "*.SummaryWriter":  # by position: each of its homes calls the parameter otherwise
                self.result.redirects.append(Redirect(role, place, env, None, None, None, default, argument=""))
            else:
                self.result.redirects.append(Redirect(role, place, env, '""', f'"{default}"', None, default, argument=keyword))


def find_paths(program: Program, arguments: Arguments, calls: Table, shipped: frozenset[str] = frozenset()) -> Paths:
    """The paths of one program. ``shipped`` are the files of the repository, relative to where the script runs."""
    values = Values(program, arguments, calls)
    return _Decider(program, values, find_uses(program, values, calls), shipped, find_migrated(program, arguments)).decide()


__all__ = ["Paths", "find_paths"]
