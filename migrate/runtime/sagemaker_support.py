"""Settings of a training script on SageMaker; standard library only, Python 3.6 and later.

SageMaker hands hyperparameters to a script as ``--name text`` pairs, written by one of two programs that treat flags, lists,
booleans and None differently, and neither as argparse reads them. These functions turn such pairs back into the command
line that the script's own parser expects. On any other machine they hand back ``sys.argv[1:]`` as it is.

    args = parser.parse_args(sagemaker_argv(parser))

A key names an option or its dest; dashes, dots and underscores are the same. None means "not given".
"""

import argparse
import ast
import decimal
import json
import os
import re
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

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
    """One hyperparameter: its key, its text as a person would type it, its value, and the texts it can have on argv."""

    def __init__(self, key: str, wire: str) -> None:
        self.key = key
        self.value = _decode(wire)  # version 2 of the SDK encodes strings as JSON, version 3 does not
        self.text = self.value if isinstance(self.value, str) else wire
        self.tokens = ["--" + key, self.text]
        toolkit = "" if self.value is None else str(self.value)
        if isinstance(self.value, dict):
            toolkit = ",".join("%s=%s" % item for item in sorted(self.value.items()))
        # argparse takes any token with a space in it for a positional argument, even --name='a b'
        spaceless = json.dumps(self.value, separators=(",", ":")).replace(" ", "\\u0020")
        self.joined = spaceless if " " in self.text else self.text
        forms = (toolkit, _encode(_decode(self.value)), self.joined)
        # An old Python under LANG=C reads argv as ASCII with escapes.
        self.forms = set(forms) | {os.fsdecode(form.encode("utf-8", "surrogatepass")) for form in forms}


def _decode(wire: Any) -> Any:
    try:
        return json.loads(wire) if isinstance(wire, str) else wire
    except ValueError:
        return wire


def _encode(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _settings(argv: Sequence[str]) -> Dict[str, _Setting]:
    """The hyperparameters by key: from the file as the job was given it, else SM_HPS, else argv."""
    environ = os.environ
    wire = {}  # type: Dict[str, str]
    found = False
    hps = _decode(environ.get("SM_HPS"))
    if isinstance(hps, dict):
        found, wire = True, {key: json.dumps(value) for key, value in hps.items()}
    base = os.path.join(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", "input", "config")
    for folder in (environ.get("SM_INPUT_CONFIG_DIR"), base):
        path = os.path.join(folder or base, "hyperparameters.json")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                found = True
                wire.update({key: _encode(value) for key, value in json.load(file).items()})
            break
    pairs = list(zip(argv[::2], argv[1::2]))
    on_sagemaker = "SM_TRAINING_ENV" in environ or "SM_MODEL_DIR" in environ
    if not found and on_sagemaker and len(argv) % 2 == 0 and all(k[:1] == "-" and v[:2] != "--" for k, v in pairs):
        wire = {key.lstrip("-"): _wire(text) for key, text in pairs}
    return {key: _Setting(key, text) for key, text in wire.items()}


def _wire(text: str) -> str:
    """What stands on argv, as JSON where the toolkit wrote Python: ``True``, ``['a', 'b']``."""
    try:
        return json.dumps(ast.literal_eval(text)) if text in ("True", "False") or text[:1] in "[{" else text
    except (ValueError, SyntaxError, TypeError):
        return text


_Part = Union[str, _Setting]


def _parts(argv: Sequence[str], settings: Dict[str, _Setting]) -> List[_Part]:
    """argv with each serialised hyperparameter as one part; every other token stays."""
    names = {"-" + key: setting for key, setting in settings.items() if len(key) == 1}
    names.update({"--" + key: setting for key, setting in settings.items()})
    parts = []  # type: List[_Part]
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        name, _, text = token.partition("=")
        setting = names.get(token)
        if setting and rest and (rest[0] in setting.forms or _PLATFORM.fullmatch(setting.key)):
            setting.tokens = [token, rest.pop(0)]
            if setting.tokens[1] not in setting.forms:  # the platform put another value in
                setting.text = setting.value = setting.tokens[1]
        elif name in names and token != name and text in names[name].forms:
            setting = names[name]
            setting.tokens = [name, text]
        else:
            setting = None
        parts.append(setting or token)
    return parts


def _translate(parser: Any, parts: List[_Part]) -> List[str]:
    alone = all(isinstance(part, _Setting) for part in parts)
    front, out, run, current = [], [], [], parser  # type: List[str], List[str], List[_Setting], Any
    for part in parts + [""]:
        if isinstance(part, _Setting):
            run.append(part)
            continue
        # After a subcommand that stands on argv come its own options; those of the main parser go to the front.
        upper = [s for s in run if current is not parser and not _knows(current, s.key) and _knows(parser, s.key)]
        front += _layout(parser, upper, False)
        out += _layout(current, [s for s in run if s not in upper], alone) + [part]
        commands = _commands(current)
        run, current = [], commands.choices.get(part, current) if commands else current
    return front + out[:-1]


def _name(key: str) -> str:
    return re.sub(r"\W", "_", key.lstrip("-"), flags=re.ASCII)


def _find(parser: Any, key: str) -> Tuple[Any, Optional[str]]:
    """The action that a key means and, where the key is spelt as an option, that option."""
    spelt = [(option, action) for action in parser._actions for option in action.option_strings]
    for exact in (True, False):
        for option, action in spelt:
            bare = option.lstrip(parser.prefix_chars)
            if bare == key if exact else _name(bare) == _name(key):
                return action, option
    return next((action for action in parser._actions if _name(action.dest) == _name(key)), None), None


def _commands(parser: Any) -> Any:
    return next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)


def _knows(parser: Any, key: str) -> bool:
    commands = _commands(parser)
    below = commands.choices.values() if commands else ()
    return bool(_find(parser, key)[0]) or any(_knows(sub, key) for sub in below)


def _layout(parser: Any, settings: List[_Setting], alone: bool) -> List[str]:
    """The settings as a command line; ``alone`` says that nothing else stands on it."""
    commands = _commands(parser)
    chosen = [s for s in settings if commands and _name(s.key) in (_name(commands.dest), "command") and s.text in commands.choices]
    command = []  # type: List[str]
    if chosen:
        below = commands.choices[chosen[0].text]
        inner = [s for s in settings if s is not chosen[0] and (_knows(below, s.key) or s.key == "command")]
        command = [chosen[0].text] + _layout(below, inner, alone)
        settings = [s for s in settings if s not in inner and s is not chosen[0]]
    given = {}  # type: Dict[Any, List[str]]
    options = []  # type: List[Tuple[Any, List[str]]]
    has_positionals = any(not action.option_strings for action in parser._actions)
    for s in settings:
        action, option = _find(parser, s.key)
        if action is None:
            if not _PLATFORM.fullmatch(s.key):
                joined = [s.tokens[0] + "=" + s.joined]
                options.append((None, joined if has_positionals or s.text[:1] == "-" else s.tokens))
        elif s.value is None or (s.text == "" and action.type in (int, float)):
            pass
        elif action.option_strings:
            options.append((action.nargs, _option(parser, action, option, s)))
        else:
            given[action] = _texts(parser, action, s.text, s.value)
    positionals = _positionals(parser, given, alone)
    last = bool(command) or any(action.nargs == argparse.REMAINDER for action in given)
    rank = {argparse.REMAINDER: 2, "+": -int(last), "*": -int(last)}  # type: Dict[Any, int]
    flat = [token for _, tokens in sorted(options, key=lambda pair: rank.get(pair[0], 0)) for token in tokens]
    if last:
        return flat + positionals + command
    if any(_looks_like_option(parser, text) for text in positionals):
        return flat + ["--"] + positionals
    return positionals + flat


def _positionals(parser: Any, given: Dict[Any, List[str]], alone: bool) -> List[str]:
    """The positional arguments in the parser's order; one that is left out before another takes its default's text."""
    out = []  # type: List[str]
    waiting = []  # type: List[str]
    for action in parser._actions:
        if action in given:
            if waiting and alone and action.nargs in ("?", "*", "+"):
                parser.error("the following arguments are required: " + ", ".join(waiting))
            out += given[action]
        elif not action.option_strings and alone and not isinstance(action, argparse._SubParsersAction):
            later = parser._actions[parser._actions.index(action) + 1 :]
            if action.nargs == "?" and action.default not in (None, argparse.SUPPRESS) and any(a in given for a in later):
                out.append(str(action.default))
            else:
                waiting.append(action.dest)
    return out


def _looks_like_option(parser: Any, text: str) -> bool:
    negative = parser._negative_number_matcher.match(text) and not parser._has_negative_number_optionals
    return text[:1] != "" and text[0] in parser.prefix_chars and len(text) > 1 and not negative


def _option(parser: Any, action: Any, option: Optional[str], s: _Setting) -> List[str]:
    spelt = option or next((o for o in action.option_strings if len(o) > 2), action.option_strings[0])
    groups = [g for g in parser._mutually_exclusive_groups if action in g._group_actions and not g.required]
    if action.nargs == 0:
        return _flag(parser, action, option, spelt, s)
    if groups and action.default in (s.value, s.text):
        return []  # its own default would count as a second choice
    if not isinstance(action, argparse._AppendAction) or not isinstance(s.value, list):
        return _call(parser, action, spelt, s.text, s.value)
    default = action.default if isinstance(action.default, list) else []
    items = s.value[len(default) :] if s.value[: len(default)] == default else s.value
    if action.nargs not in (None, "?") and not (items and all(isinstance(item, list) for item in items)):
        items = [items] if items else []
    return [token for item in items for token in _call(parser, action, spelt, _encode(item), item)]


def _call(parser: Any, action: Any, spelt: str, text: str, value: Any) -> List[str]:
    """One use of an option with its values."""
    if action.nargs == "?" and action.const is not None and isinstance(value, bool) and action.type in (None, str, int, float):
        if value or not action.default:
            return [spelt] * value
    texts = _texts(parser, action, text, value)
    risky = parser.prefix_chars + (parser.fromfile_prefix_chars or "")
    if len(texts) == 1 and texts[0][:1] in risky and texts[0]:
        return [spelt + "=" + texts[0]]
    return [spelt] + texts


def _flag(parser: Any, action: Any, option: Optional[str], spelt: str, s: _Setting) -> List[str]:
    """An option that takes no value. Spelt as the option a key means its presence, else what its dest shall hold."""
    if isinstance(action, argparse._CountAction) and isinstance(s.value, int):
        return [spelt] * (s.value - (action.default if isinstance(action.default, int) else 0))
    consts = []  # type: List[Tuple[Any, str]]
    for other in parser._actions:
        if other.dest == action.dest and other.nargs == 0 and other.option_strings:
            names = [_name(o) for o in other.option_strings]
            both = [o for o in other.option_strings if "no_" + _name(o) in names]  # as BooleanOptionalAction has them
            if both:
                negative = [o for o in other.option_strings if _name(o) == "no_" + _name(both[0])]
                consts += [(False, negative[0]), (True, both[0])]
            else:
                consts.append((other.const, other.option_strings[0]))
    on = True if s.text.lower() in _TRUE else False if s.text.lower() in _FALSE else None
    if option and on:
        return [option]
    if option and on is False:
        off = [o for const, o in consts if const is False and o != option and _name(s.key) == _name(action.dest)]
        return off[:1] if action.default is not False else []
    out = []  # type: List[str]
    for item in s.value if isinstance(s.value, list) else [s.value]:
        match = [o for const, o in consts if const == item or (const is not None and str(const) == _encode(item))]
        out += match[:1] if match or item == action.default or on is False else [spelt + "=" + s.text]
    return [] if s.value == action.default else out


def _texts(parser: Any, action: Any, text: str, value: Any) -> List[str]:
    if action.nargs in (None, "?", argparse.PARSER):
        return [_text(parser, action, text, value)]
    if isinstance(value, dict):
        return ["%s=%s" % (key, _encode(item)) for key, item in value.items()]
    if not isinstance(value, list):
        return [_text(parser, action, text, value)]
    texts = [_text(parser, action, _encode(item), item) for item in value]
    # argparse takes -1e-05 for an option; -0.00001 is the same number
    return [format(decimal.Decimal(t), "f") if re.match(r"-[\d.]+e", t) and isinstance(v, float) else t for t, v in zip(texts, value)]


def _text(parser: Any, action: Any, text: str, value: Any) -> str:
    """The text that the action's own type and choices turn into the value."""
    kind = parser._registry_get("type", action.type, action.type)
    if kind is bool and text in ("False", "false", "0"):
        value = False
    if isinstance(value, bool):
        plain = [text, str(value)] if "SM_ENTRY_SCRIPT" in os.environ else [str(value), text]
        if action.default in ("true", "false", "True", "False"):
            plain.sort(key=lambda word: word.istitle() != action.default.istitle())
        candidates = plain + (["1", "yes"] if value else ["0", "no", ""])
    elif isinstance(value, list):
        candidates = [text, repr(value), ",".join(map(_encode, value)), " ".join(map(_encode, value))]
    elif isinstance(value, dict):
        candidates = [text, repr(value), ",".join("%s=%s" % item for item in value.items())]
    elif isinstance(value, (int, float)) and action.choices is not None:
        # SM_HPS alone has turned "1.10" into 1.1
        candidates = [text] + [c for c in action.choices if isinstance(c, str) and _decode(c) == value]
    else:
        return text
    fits = [(c, _converted(kind, c)) for c in candidates]
    fits = [(c, made[0]) for c, made in fits if made]
    if action.choices is not None:
        fits = [(c, made) for c, made in fits if made in action.choices] or fits
    return next((c for c, made in fits if _same(made, value)), fits[0][0] if fits else candidates[0])


def _converted(kind: Optional[Callable[[str], Any]], text: str) -> Tuple[Any, ...]:
    if kind is None or isinstance(kind, argparse.FileType):
        return (text,)
    try:
        return (kind(text),)
    except Exception:  # a type is the script's own code: whatever it raises, the text does not fit
        return ()


def _same(made: Any, value: Any) -> bool:
    if isinstance(made, (list, tuple)) and isinstance(value, list):
        return [str(item) for item in made] == [str(item) for item in value]
    return type(made) in (bool, int, float, dict) and bool(made == value)
