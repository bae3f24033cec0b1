"""Settings of a training script on SageMaker; standard library only, Python 3.6 and later.

SageMaker hands hyperparameters to a script as ``--name text`` pairs, written by one of two programs that treat flags, lists,
booleans and None differently, and neither as argparse reads them. These functions turn such pairs back into the command
line that the script's own parser expects. On any other machine they hand back ``sys.argv[1:]`` as it is.

    args = parser.parse_args(sagemaker_argv(parser))

A key names an option or its dest; dashes, dots and underscores are the same. None means "not given".
"""

import argparse
import decimal
import json
import os
import re
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

# Keys that the platform adds by itself; dropped where the script has no such option.
_PLATFORM = re.compile(r"model_dir|mp_parameters|_tuning_objective_metric|sagemaker_.*")
_TRUE, _FALSE = ("true", "1", "yes", "on", ""), ("false", "0", "no", "off", "none")


def sagemaker_argv(parser: Any, argv: Optional[Sequence[str]] = None) -> List[str]:
    """The command line (``argv``, or ``sys.argv[1:]``) with SageMaker's hyperparameters as ``parser`` wants them."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    # A v3 job with a command of its own has no entry script, and an argv that a person wrote.
    if not hasattr(parser, "_actions") or os.environ.get("SM_ENTRY_SCRIPT", "set") in ("", "null"):
        return tokens
    settings = _settings(tokens)
    return _translate(parser, _parts(tokens, settings)) if settings else tokens


def parse_args(parser: Any, method: str = "parse_args") -> Any:
    """``parser.parse_args()`` (or another ``method``) with SageMaker's hyperparameters."""
    return getattr(parser, method)(sagemaker_argv(parser))


def script_argv(parser: Any, name: str) -> List[str]:
    """The command line for a parser in a script that had none; ``name`` is its ``__name__``.

    An imported module takes nothing from a command line, but SageMaker's hyperparameters reach it all the same.
    """
    main = name in ("__main__", "__mp_main__")
    tokens = sys.argv[1:] if main else []
    settings = _settings(sys.argv[1:])
    if any(isinstance(part, _Setting) for part in _parts(tokens, settings)):
        return sagemaker_argv(parser)
    known = [setting for setting in settings.values() if _find(parser, setting.key)[0]]
    options = [setting for setting in known if not tokens or _find(parser, setting.key)[0].option_strings]
    return _layout(parser, options, not tokens) + tokens


class _Setting:
    """A hyperparameter: its key, its text as a person would type it, its value, and the texts that stand for it on argv."""

    def __init__(self, key: str, wire: str) -> None:
        self.key = key
        self.value = _decode(wire)  # version 2 of the SDK encodes strings as JSON, version 3 does not
        self.text = self.value if isinstance(self.value, str) else wire
        # argparse takes any token with a space in it for a positional argument, even --name='a b'
        spaceless = json.dumps(self.value, separators=(",", ":")).replace(" ", "\\u0020")
        self.joined = spaceless if " " in self.text else self.text
        toolkit = "" if self.value is None else str(self.value)
        if isinstance(self.value, dict):
            toolkit = ",".join("%s=%s" % item for item in sorted(self.value.items()))
        forms = {toolkit, _encode(_decode(self.value)), self.joined}
        # an old Python under LANG=C reads argv as ASCII with escapes
        self.forms = forms | {os.fsdecode(form.encode("utf-8", "surrogatepass")) for form in forms}


def _decode(wire: Any) -> Any:
    try:
        return json.loads(wire) if isinstance(wire, str) else wire
    except ValueError:
        return wire


def _encode(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _settings(argv: Sequence[str]) -> Dict[str, _Setting]:
    """The hyperparameters by key: from the file as the job was given it, else from SM_HPS, else from argv."""
    found = _decode(os.environ.get("SM_HPS"))
    wire = {key: json.dumps(value) for key, value in found.items()} if isinstance(found, dict) else None
    base = os.path.join(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", "input", "config")
    paths = [os.path.join(folder, "hyperparameters.json") for folder in (os.environ.get("SM_INPUT_CONFIG_DIR") or base, base)]
    for path in [path for path in paths if os.path.isfile(path)][:1]:
        with open(path, encoding="utf-8") as file:
            found = _decode(file.read())
        if isinstance(found, dict):
            wire = dict(wire or {}, **{key: _encode(value) for key, value in found.items()})
    if wire is None and "SM_TRAINING_ENV" in os.environ and all(name[:1] == "-" for name in argv[::2]):
        wire = {name.lstrip("-"): {"True": "true", "False": "false"}.get(text, text) for name, text in zip(argv[::2], argv[1::2])}
    return {key: _Setting(key, text) for key, text in (wire or {}).items()}


def _parts(argv: Sequence[str], settings: Dict[str, _Setting]) -> List[Any]:
    """argv with each serialised hyperparameter as one _Setting; every other token stays a string."""
    names = {dashes + key: setting for key, setting in settings.items() for dashes in ("--", "-")[: 1 + (len(key) == 1)]}
    parts, rest = [], list(argv)  # type: List[Any], List[str]
    while rest:
        token = rest.pop(0)
        name, equals, text = token.partition("=")
        setting = names.get(token)
        if setting and rest and (rest[0] in setting.forms or _PLATFORM.fullmatch(setting.key)):
            if rest[0] not in setting.forms:  # the platform has put another value in
                setting.text = setting.joined = setting.value = rest[0]
            del rest[0]
        else:
            setting = names[name] if equals and name in names and text in names[name].forms else None
        parts.append(setting or token)
    return parts


def _translate(parser: Any, parts: List[Any]) -> List[str]:
    alone = all(isinstance(part, _Setting) or part[:1] == "-" for part in parts)
    front, out, run, current = [], [], [], parser  # type: List[str], List[str], List[_Setting], Any
    for part in parts + [""]:
        if isinstance(part, _Setting):
            run.append(part)
            continue
        # Behind a subcommand that a person put on argv stand its own options; those of the main parser go to the front.
        upper = [s for s in run if current is not parser and not _knows(current, s.key) and _knows(parser, s.key)]
        front += _layout(parser, upper, False)
        out += _layout(current, [s for s in run if s not in upper], alone) + [part]
        run, current = [], _commands(current)[1].get(part, current)
    return front + out[:-1]


def _name(key: str) -> str:
    return re.sub(r"\W", "_", key.lstrip("-"), flags=re.ASCII)


def _find(parser: Any, key: str) -> Tuple[Any, Optional[str]]:
    """The action that a key means and, where the key is spelt as an option, that option."""
    spelt = [(option, action) for action in parser._actions for option in action.option_strings]
    for same in (str, _name):
        for option, action in spelt:
            if same(option.lstrip(parser.prefix_chars)) == same(key):
                return action, option
    return next((action for action in parser._actions if _name(action.dest) == _name(key)), None), None


def _commands(parser: Any) -> Tuple[str, Dict[str, Any]]:
    """The dest and the parsers of the subcommands."""
    found = [(action.dest, action.choices) for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0] if found else ("", {})


def _knows(parser: Any, key: str) -> bool:
    return key == "command" or bool(_find(parser, key)[0]) or any(_knows(sub, key) for sub in _commands(parser)[1].values())


def _layout(parser: Any, settings: List[_Setting], alone: bool) -> List[str]:
    """The settings as a command line; ``alone`` says that no positional argument stands on it elsewhere."""
    dest, below = _commands(parser)
    command = []  # type: List[str]
    for s in [s for s in settings if _name(s.key) in (_name(dest), "command") and s.text in below][:1]:
        inner = [other for other in settings if other is not s and _knows(below[s.text], other.key)]
        settings = [other for other in settings if other is not s and other not in inner]
        command = [s.text] + _layout(below[s.text], inner, alone)
    given, options = {}, []  # type: Dict[Any, List[str]], List[Tuple[Any, List[str]]]
    for s in settings:
        action, option = _find(parser, s.key)
        if action is None and not _PLATFORM.fullmatch(s.key):
            options.append((None, _unknown(parser, s)))
        elif action is None or s.value is None or (s.text == "" and action.type in (int, float)):
            continue  # not given
        elif action.option_strings:
            options.append((action.nargs, _option(parser, action, option, s)))
        else:
            given[action] = _texts(parser, action, s.text, s.value)
    # What takes all that follows comes last; before it, a list needs another option to end it.
    last = bool(command) or any(action.nargs == argparse.REMAINDER for action in given)
    rank = {argparse.REMAINDER: 2, "+": -int(last), "*": -int(last)}  # type: Dict[Any, int]
    flat = [token for _, tokens in sorted(options, key=lambda pair: rank.get(pair[0], 0)) for token in tokens]
    positionals = _positionals(parser, given) if alone else [text for action in parser._actions for text in given.get(action, [])]
    if last:
        return flat + positionals + command
    number = None if parser._has_negative_number_optionals else parser._negative_number_matcher
    if any(text[:1] in tuple(parser.prefix_chars) and not (number and number.match(text)) for text in positionals):
        return flat + ["--"] + positionals
    return positionals + flat


def _unknown(parser: Any, s: _Setting) -> List[str]:
    """A key that this parser does not have: another one may, or argparse rejects it. No positional argument may swallow it."""
    names = ["-" + s.key, "--" + s.key][len(s.key) > 1 :]
    name = next((n for n in names if not any(o.startswith(n) for o in parser._option_string_actions)), names[-1])
    alone = s.text[:1] != "-" and all(action.option_strings for action in parser._actions)
    return [name, s.text] if alone else [name + "=" + s.joined]


def _positionals(parser: Any, given: Dict[Any, List[str]]) -> List[str]:
    """The positional arguments in the parser's order; one that is left out before another takes its default's text."""
    out, missing = [], []  # type: List[str], List[str]
    by_number = parser.prefix_chars == "\0"  # what reads sys.argv by number has no parser that knows a default
    actions = [action for action in parser._actions if not action.option_strings]
    for place, action in enumerate(actions):
        if action in given:
            if missing and (by_number or action.nargs in ("?", "*", "+")):  # it would be taken for the missing one
                parser.error("the following arguments are required: " + ", ".join(missing))
            out += given[action]
        elif action.nargs == "?" and action.default not in (None, argparse.SUPPRESS):
            out += [str(action.default)] if by_number or any(later in given for later in actions[place:]) else []
        else:
            missing.append(action.dest)
    return out


def _option(parser: Any, action: Any, option: Optional[str], s: _Setting) -> List[str]:
    if action.nargs == 0:
        return _flag(parser, action, option, s)
    spelt = option or next((o for o in action.option_strings if len(o) > 2), action.option_strings[0])
    one_of = any(action in group._group_actions and not group.required for group in parser._mutually_exclusive_groups)
    if type(action.default) in ((list, dict, str, int, float) if one_of else (list, dict)) and action.default in (s.value, s.text):
        return []  # in an exclusive group it would count as a second choice; and not every list has a text
    if not isinstance(action, argparse._AppendAction) or not isinstance(s.value, list):
        return _use(parser, action, spelt, s.text, s.value)
    default = action.default if isinstance(action.default, list) else []
    items = s.value[len(default) :] if s.value[: len(default)] == default else s.value
    if action.nargs not in (None, "?") and not all(isinstance(item, list) for item in items):
        items = [items]
    return [token for item in items for token in _use(parser, action, spelt, _encode(item), item)]


def _use(parser: Any, action: Any, spelt: str, text: str, value: Any) -> List[str]:
    """One use of an option with its values."""
    bare = action.nargs == "?" and action.const is not None and action.type in (None, str, int, float)
    if bare and isinstance(value, bool) and (value or not action.default):
        return [spelt] * value
    texts = _texts(parser, action, text, value)
    risky = len(texts) == 1 and texts[0][:1] in tuple(parser.prefix_chars + (parser.fromfile_prefix_chars or ""))
    return [spelt + "=" + texts[0]] if risky else [spelt] + texts


def _flag(parser: Any, action: Any, option: Optional[str], s: _Setting) -> List[str]:
    """An option that takes no value: a key spelt as the option means its presence, one spelt as its dest the value to be held."""
    if isinstance(action, argparse._CountAction) and isinstance(s.value, int):
        return [action.option_strings[0]] * (s.value - (action.default if isinstance(action.default, int) else 0))
    on = True if s.text.lower() in _TRUE else False if s.text.lower() in _FALSE else None
    if option and on:
        return [option]
    consts = []  # type: List[Tuple[Any, str]]
    for other in parser._actions:
        if other.dest == action.dest and other.nargs == 0:
            names = [_name(o) for o in other.option_strings]
            no = [o for o in other.option_strings if _name(o)[:3] == "no_" and _name(o)[3:] in names]  # as BooleanOptionalAction has
            consts += [(False if o in no else True if no else other.const, o) for o in other.option_strings]
    if option and on is False:
        other_way = [o for const, o in consts if const is False and (o not in action.option_strings or action.const is None)]
        return other_way[:1] if _name(s.key) == _name(action.dest) and action.default is not False else []
    out = []  # type: List[str]
    for item in s.value if isinstance(s.value, list) else [s.value]:
        match = [o for const, o in consts if const is not None and (const == item or str(const) == _encode(item))]
        out += match[:1] if match or on is False else [action.option_strings[0] + "=" + s.text]
    return [] if s.value == action.default else out


def _texts(parser: Any, action: Any, text: str, value: Any) -> List[str]:
    if action.nargs not in (None, "?", argparse.PARSER) and isinstance(value, dict):
        return ["%s=%s" % (key, _encode(item)) for key, item in value.items()]
    if action.nargs in (None, "?", argparse.PARSER) or not isinstance(value, list):
        return [_text(parser, action, text, value)]
    texts = [_text(parser, action, _encode(item), item) for item in value]
    # argparse takes -1e-05 for an option; -0.00001 is the same number
    return [format(decimal.Decimal(t), "f") if isinstance(v, float) and re.match(r"-[\d.]+e", t) else t for t, v in zip(texts, value)]


def _text(parser: Any, action: Any, text: str, value: Any) -> str:
    """The text that the action's own type and choices turn into the value."""
    kind = parser._registry_get("type", action.type, action.type)
    if kind is bool and text in ("False", "false", "0"):
        value = False
    if isinstance(value, bool):
        words = [str(value), str(value).lower()]
        # Whether a text option was given True or "true" is lost in version 3; its default may tell.
        if action.default in ("true", "false") or ("SM_ENTRY_SCRIPT" in os.environ and action.default not in ("True", "False")):
            words.reverse()
        words += ["1", "yes"] if value else ["0", "no", ""]
    elif isinstance(value, list):
        words = [text, repr(value)] + [between.join(map(_encode, value)) for between in (",", " ", "")]
    elif isinstance(value, dict):
        words = [text, repr(value), ",".join("%s=%s" % item for item in value.items())]
    elif isinstance(value, (int, float)) and action.choices is not None:
        words = [text] + [c for c in action.choices if isinstance(c, str) and _decode(c) == value]  # SM_HPS has made 1.1 of "1.10"
    else:
        return text
    fits = []  # type: List[Tuple[int, int, str]]
    for place, word in enumerate(words):
        try:
            made = word if kind is None or isinstance(kind, argparse.FileType) else kind(word)
            chosen = action.choices is None or made in action.choices
            fits.append((2 * (not chosen) + (not _same(made, value)), place, word))
        except Exception:  # a type is the script's own code: whatever it raises, the word does not fit
            continue
    return min(fits)[2] if fits else words[0]


def _same(made: Any, value: Any) -> bool:
    if isinstance(made, (list, tuple)) and isinstance(value, list):
        return [str(item) for item in made] == [str(item) for item in value]
    return type(made) in (bool, int, float, dict) and bool(made == value)
