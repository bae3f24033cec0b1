"""Stand-ins for modules that are not here: enough to import, subclass, decorate and call, so that a script reaches its settings.

Runs inside the probed process and therefore uses the standard library alone.
"""

from __future__ import annotations

import abc
import ast
import builtins
import dis
import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

# Always replaced, even where the repository is the library's own or it is installed here: slow to import and not what is measured.
FRAMEWORKS = frozenset(
    "torch torchvision torchaudio torchtext tensorflow keras chainer chainermn cupy jax flax mxnet gluon pytorch_lightning lightning "
    "transformers accelerate datasets sklearn xgboost lightgbm numpy scipy pandas matplotlib".split()
)

# Scripts build choices from ``torchvision.models.__dict__``; the real names make an argv such as ``-a resnet50`` mean something.
MEMBERS = {
    "torchvision.models": ("alexnet", "densenet121", "mobilenet_v2", "resnet101", "resnet18", "resnet34", "resnet50", "vgg16", "vgg19")
}

VERSION = "2.10.0"
_UNPACK = dis.opmap["UNPACK_SEQUENCE"]
_CALLER_DEPTH = 2


class _Meta(abc.ABCMeta):
    """Gives any attribute of a stand-in class: ``Model.from_pretrained``."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(f"{cls.__name__}.{name}")


class Base(metaclass=_Meta):
    """What a class gets as its base where it subclasses a stand-in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(f"{type(self).__name__}().{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Stub(f"{type(self).__name__}()()")


def _brief(value: object) -> str:
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    return value.stub_name if isinstance(value, Stub) else type(value).__name__


class Stub:
    """One value of a module that is not here. Its name tells how the script came by it, so that two different ones differ."""

    def __init__(self, name: str) -> None:
        self.__dict__["stub_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return VERSION
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith(("Error", "Exception", "Warning")):
            made: Any = type(name, (Warning if name.endswith("Warning") else Exception,), {})
        else:
            made = Stub(f"{self.stub_name}.{name}")
        self.__dict__[name] = made
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and _is_parser(args[0]):
            return args[0]  # ``add_argparse_args(parser)`` and its like give back the parser that they were given
        if len(args) == 1 and isinstance(args[0], (types.FunctionType, type)):
            return args[0]  # used as a decorator
        shown = [_brief(a) for a in args] + [f"{k}={_brief(v)}" for k, v in kwargs.items()]
        return Stub(f"{self.stub_name}({', '.join(shown)})"[:200])

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        # Once, and never before a class that has it already: else there is no order of bases.
        last = [base for base in bases if isinstance(base, Stub)][-1]
        given = any(isinstance(base, type) and issubclass(base, Base) for base in bases)
        return (Base,) if last is self and not given else ()

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __subclasscheck__(self, subclass: type) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter([Stub(f"{self.stub_name}[{i}]") for i in range(_wanted(sys._getframe(1)))])

    def __getitem__(self, key: Any) -> Any:
        return Stub(f"{self.stub_name}[{_brief(key)}]")

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __delitem__(self, key: Any) -> None:
        pass

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __contains__(self, item: object) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __int__(self) -> int:
        return 1

    __index__ = __int__

    def __float__(self) -> float:
        return 1.0

    def __str__(self) -> str:
        return str(self.stub_name)

    def __repr__(self) -> str:
        return f"<stub {self.stub_name}>"

    def __fspath__(self) -> str:
        return "stub"

    def __format__(self, spec: str) -> str:
        return str(self.stub_name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True

    __le__ = __lt__
    __ge__ = __gt__

    def __deepcopy__(self, memo: object) -> Any:
        return self


def _wanted(frame: types.FrameType) -> int:
    """How many values ``a, b = stub`` asks for; none for a plain loop."""
    code = frame.f_code.co_code
    at = frame.f_lasti
    return code[at + 1] if code[at] == _UNPACK else 0


def _operator(symbol: str) -> Any:
    def operate(self: Stub, other: object = None, *rest: object) -> Stub:
        return Stub(f"({self.stub_name} {symbol} {_brief(other)})"[:200])

    return operate


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    for _form in (_name, f"r{_name}"):
        setattr(Stub, f"__{_form}__", _operator(_form))
for _name in "neg pos abs invert round".split():
    setattr(Stub, f"__{_name}__", _operator(_name))


def _is_parser(value: object) -> bool:
    return any(kind.__name__ == "ArgumentParser" and kind.__module__ == "argparse" for kind in type(value).__mro__)


class StubModule(types.ModuleType):
    """A module that is not here: any name can be imported from it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__version__ = VERSION
        self.__file__ = f"/stub/{name.replace('.', '/')}.py"
        for member in MEMBERS.get(name, ()):
            setattr(self, member, Stub(f"{name}.{member}"))

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return _names_missing_in(sys._getframe(1))
        if name.startswith("__"):
            raise AttributeError(name)
        made = getattr(Stub(self.__name__), name)
        setattr(self, name, made)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # ``from tqdm import tqdm`` may hand out the module tqdm.tqdm
        return Stub(self.__name__)(*args, **kwargs)


def _names_missing_in(frame: types.FrameType) -> list[str]:
    """The names that the importing file uses and nothing else gives: what ``from x import *`` has to bring."""
    try:
        with open(frame.f_code.co_filename, "rb") as handle:
            tree = ast.parse(handle.read())
    except (OSError, SyntaxError, ValueError):
        return []
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    known = set(dir(builtins)) | set(frame.f_globals)
    return sorted(used - bound - known)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands first for what must not be real, and last for what cannot be found."""

    def __init__(self, root: str, first: bool) -> None:
        self.root = os.path.realpath(root)
        self.first = first

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in sys.stdlib_module_names:
            return None  # ``msvcrt`` must stay missing here: the standard library asks for it to know the system
        if self.first and not self._replace(name):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def _replace(self, name: str) -> bool:
        top = name.partition(".")[0]
        if isinstance(sys.modules.get(top), StubModule) or top in FRAMEWORKS:
            return True
        if "." in name:
            return False
        return not self._local(name)

    def _local(self, name: str) -> bool:
        """Whether the repository itself has the module; a bare folder only if Python files lie in it: else ``data`` hides a package."""
        roots = [
            entry for entry in (os.path.realpath(entry or ".") for entry in sys.path) if (entry + os.sep).startswith(self.root + os.sep)
        ]
        spec = importlib.machinery.PathFinder.find_spec(name, roots)
        if spec is None:
            return False
        if spec.origin is not None and spec.loader is not None:
            return True
        return any(
            file.endswith(".py") for place in spec.submodule_search_locations or () for _, _, files in os.walk(place) for file in files
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return StubModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def install(root: str) -> None:
    """Put the stand-ins in place: what lies in the repository ``root`` is imported for real, and of the rest only the standard library."""
    sys.meta_path.insert(0, Finder(root, first=True))
    sys.meta_path.append(Finder(root, first=False))
