"""What kind of thing a name of a training script is, as far as the calls that made it tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.flow import returns_of
from migrate.facts.nodes import walk
from migrate.facts.notes import once
from migrate.facts.program import Class, Function, Module, Program
from migrate.facts.scopes import Binding, Scope

SAME_OBJECT = {  # give the object back
    "to", "cuda", "cpu", "train", "eval", "half", "float", "double", "requires_grad_", "detach", "module",
    "to_device", "to_gpu", "to_cpu", "to_chx", "as_default",
}  # fmt: skip
STATEFUL = {"model", "optimizer", "scheduler", "scaler", "reader", "session", "variable"}
# Methods that modules, optimizers and schedulers have.
OF_LIBRARIES = {"train", "eval", "step", "forward", "backward", "zero_grad", "state_dict", "load_state_dict", "to", "update", "apply"}
MOST_STEPS = 10
WRAPPERS = (
    "DataParallel", "DistributedDataParallel", "FullyShardedDataParallel", "fully_shard", "parallelize_module",
    "SyncBatchNorm.convert_sync_batchnorm", "torch.compile", "torch.jit.script",
)  # fmt: skip
MODEL_HOMES = (
    "torch.nn.", "torchvision.models.", "segmentation_models_pytorch.", "efficientnet_pytorch.", "timm.create_model", "chainer.links.",
    "mxnet.gluon.nn.", "mxnet.gluon.rnn.", "mxnet.gluon.model_zoo.",
)  # fmt: skip
CONTAINERS = {"list", "dict", "set", "collections.deque", "collections.defaultdict", "collections.OrderedDict", "collections.Counter"}
KERAS = ("tensorflow.keras.", "keras.", "tf_keras.")
TIMES = ("time.", "datetime.")
ARRAYS = ("numpy.", "torch.zeros", "torch.ones", "torch.empty", "torch.tensor", "torch.full", "torch.randn", "torch.rand")
SESSIONS = ("Session", "InteractiveSession", "get_session")  # of TensorFlow 1
MONITORED = ("MonitoredSession", "MonitoredTrainingSession", "SingularMonitoredSession")
GENERATORS = {"numpy.random.RandomState", "numpy.random.default_rng", "random.Random"}
ENVIRONMENTS = ("gym.", "gymnasium.", "envpool.", "procgen.", "dm_control.", "pettingzoo.", "stable_baselines3.common.vec_env")
VALUES = ("flax.linen.", "equinox.")  # modules of these hold no state, or are values themselves: names carry them
BASES = {
    "model": ("Module", "LightningModule", "Chain", "ChainList", "Link", "Block", "HybridBlock"),
    "optimizer": ("Optimizer",),
    "scheduler": ("LRScheduler", "_LRScheduler"),
    "dataset": ("Dataset", "IterableDataset", "Sampler"),
}
NO_STATE = ("SummaryWriter", "Logger", "getLogger", "DataLoader", "Visdom", "Progbar", "tqdm", "ThreadPoolExecutor", "Session")


def _without(value: ast.expr, text: str) -> ast.expr:
    """What is added to a list, where ``text`` is the list: ``[...]`` of ``self.layers + [...]``."""
    return value.right if isinstance(value, ast.BinOp) and ast.unparse(value.left) == text else value


class Kinds:
    """Answers for one program. ``of`` gives one of: model, optimizer, scheduler, scaler, container, array, time, number, text, none,
    iterator, reader (an iterator or a random generator whose place can be saved), estimator and transformer (of scikit-learn),
    environment, loader, session and monitored (of TensorFlow 1), variable (of TensorFlow, or a metric of Keras), engine (of
    DeepSpeed), instance (of a class of the program; see ``class_of``), quiet (a logger and the like, that holds nothing), or None
    where nothing is known.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._asked: dict[ast.expr, str | None] = {}
        self._classes: dict[int, str] = {}  # the kind of each class, by the id of its node
        self._known: dict[tuple[int, str], list[tuple[Module, ast.expr]]] = {}  # what is assigned, by class and attribute

    def of(self, module: Module, node: ast.expr, steps: int = 0) -> str | None:
        if steps:
            return self._of(module, node, steps)
        if node not in self._asked:
            self._asked[node] = self._of(module, node, steps)
        return self._asked[node]

    def _of(self, module: Module, node: ast.expr, steps: int) -> str | None:
        if steps > MOST_STEPS:
            return None
        if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            return "container"
        if isinstance(node, ast.Constant):
            return "none" if node.value is None else "text" if isinstance(node.value, str) else "number"
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare)):
            return "number" if self._all_numbers(module, node, steps) else None
        if isinstance(node, ast.GeneratorExp):
            return "iterator"
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            several = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            kinds = [k for k in (self.of(module, n, steps + 1) for n in several) if k not in (None, "none")]
            return kinds[0] if kinds else None
        if isinstance(node, ast.Name):
            return self._of_name(module, node, steps)
        if isinstance(node, ast.Attribute):
            return self._of_attribute(module, node, steps)
        if isinstance(node, ast.Await):
            return self.of(module, node.value, steps + 1)
        return self._of_call(module, node, (), steps) if isinstance(node, ast.Call) else None

    def _all_numbers(self, module: Module, node: ast.expr, steps: int) -> bool:
        parts = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        return all(self.of(module, part, steps + 1) == "number" for part in parts)

    def _of_name(self, module: Module, node: ast.Name, steps: int) -> str | None:
        found = module.scope(node).lookup(node.id)
        kinds: list[str] = []
        if node.id in ("self", "cls"):
            return next((own for cls in self.classes(module, node) if (own := self._of_class(cls)) != "instance"), None)
        for binding in found[1] if found else []:
            kind = None
            if binding.kind == "with" and isinstance(binding.value, ast.Call):  # a profiler, a progress bar, a file
                kind = self.of(module, binding.value, steps + 1) or "quiet"
            elif binding.kind == "assign" and binding.value is not None and id(binding.node) != id(node):
                if binding.index:
                    kind = self._of_element(module, binding.value, binding.index, steps)
                else:
                    kind = self.of(module, binding.value, steps + 1)
            elif binding.kind == "import":
                home = self.program.modules.get(self.program.resolver(module.path, binding.module, binding.level) or "")
                inner = home.names.root.bindings.get(binding.name or "", []) if home is not None else []
                for b in inner:
                    if b.kind == "assign" and b.value is not None and not b.index and home is not None:
                        kind = kind or self.of(home, b.value, steps + 1)
            elif binding.kind == "param" and found is not None:
                kind = self._of_parameter(found[0], node.id, steps)
            if kind is not None and kind != "none":
                kinds.append(kind)
        return "engine" if "engine" in kinds else kinds[0] if kinds else None

    def _of_parameter(self, scope: Scope, name: str, steps: int) -> str | None:
        """By what the calls of the function pass."""
        for module, argument in self.arguments(scope, name):
            kind = self.of(module, argument, steps + 1)
            if kind not in (None, "none"):
                return kind
        return None

    def arguments(self, scope: Scope, name: str) -> list[tuple[Module, ast.expr]]:
        """What the calls of a function pass for a parameter of it."""
        function = self.program.function_of(scope.node)
        if function is None:
            return []
        sites = self.program.calls_of.get(id(scope.node), [])
        found = [(site.module, self.program.argument(function, site.call, name)) for site in sites]
        return [(module, argument) for module, argument in found if argument is not None]

    def _of_element(self, module: Module, value: ast.expr, index: tuple[int, ...], steps: int) -> str | None:
        if isinstance(value, (ast.Tuple, ast.List)) and index[0] < len(value.elts) and len(index) == 1:
            return self.of(module, value.elts[index[0]], steps + 1)
        return self._of_call(module, value, index, steps) if isinstance(value, ast.Call) else None

    def _of_attribute(self, module: Module, node: ast.Attribute, steps: int) -> str | None:
        if node.attr == "module":
            return self.of(module, node.value, steps + 1)
        if node.attr == "target" and self.of(module, node.value, steps + 1) == "optimizer":  # Chainer's
            return "model"
        for cls in self.classes(module, node.value, steps):
            for value in self.assigned(cls, node.attr):
                kind = self.of(value[0], value[1], steps + 1)
                if kind not in (None, "none"):
                    return kind
        return None

    def assigned(self, cls: Class, name: str) -> list[tuple[Module, ast.expr]]:
        """What the methods of a class (and its relatives) assign to ``self.name``."""
        known = self._known.get((id(cls.node), name))
        if known is None:
            known = self._known[id(cls.node), name] = self._find_assigned(cls, name)
        return known

    def _find_assigned(self, cls: Class, name: str) -> list[tuple[Module, ast.expr]]:
        found: list[tuple[Module, ast.expr]] = []
        for relative in self.program.family(cls):
            found += [(relative.module, value) for value in _assigned_in(relative).get(name, ())]
        return found

    def classes(self, module: Module, node: ast.expr, steps: int = 0) -> list[Class]:
        """The classes of the program that the object ``node`` may be an instance of."""
        if steps > MOST_STEPS:
            return []
        if isinstance(node, ast.Name):
            scope = module.scope(node)
            function = scope.function()
            own = self.program.function_of(function.node) if function is not None else None
            if own is not None and own.owner is not None and node.id in ("self", "cls"):
                cls = self.program.class_of(own.owner)
                return [cls] if cls is not None else []
            found = scope.lookup(node.id)
            if found is None:
                return []
            values = [(module, b.value) for b in found[1] if b.kind == "assign" and b.value is not None and not b.index]
            if any(b.kind == "param" for b in found[1]):
                values += self.arguments(found[0], node.id)
            values += [made for binding in found[1] for made in self._turned_to(module, binding, steps)]
            return list({id(c.node): c for home, value in values for c in self.classes(home, value, steps + 1)}.values())
        if isinstance(node, ast.Attribute):
            owners = self.classes(module, node.value, steps + 1)
            return [c for o in owners for m, v in self.assigned(o, node.attr) for c in self.classes(m, v, steps + 1)]
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            several = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            return [c for one in several for c in self.classes(module, one, steps + 1)]
        if isinstance(node, ast.Call):
            named = [d for d in self.program.definitions(module, node.func) if isinstance(d, Class)]
            if not named and isinstance(node.func, ast.Attribute) and node.func.attr in SAME_OBJECT:
                return self.classes(module, node.func.value, steps + 1)
            return named
        return []

    def _turned_to(self, module: Module, binding: Binding, steps: int) -> list[tuple[Module, ast.expr]]:
        """What makes the elements that a ``for`` goes over: ``for layer in self.layers``, ``for i, layer in enumerate(layers)``."""
        value, index = binding.value, binding.index
        if binding.kind != "for" or value is None:
            return []
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "enumerate" and value.args:
            if index[:1] != (1,):
                return []
            value, index = value.args[0], index[1:]
        return [] if index else self._elements(module, value, steps + 1)

    def _elements(self, module: Module, node: ast.expr, steps: int) -> list[tuple[Module, ast.expr]]:
        """What makes the elements of a list: written out, in a comprehension, put together of lists, appended."""
        if steps > MOST_STEPS:
            return []
        if isinstance(node, (ast.List, ast.Tuple)):
            return [(module, element) for element in node.elts]
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return [(module, node.elt)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [made for part in (node.left, node.right) for made in self._elements(module, part, steps + 1)]
        if isinstance(node, ast.Call) and len(node.args) == 1:  # nn.ModuleList([...])
            return self._elements(module, node.args[0], steps + 1)
        values: list[tuple[Module, ast.expr]] = []
        if isinstance(node, ast.Name):
            _, bindings = module.scope(node).lookup(node.id) or (None, [])
            values = [(module, b.value) for b in bindings if b.kind == "assign" and b.value is not None and not b.index]
        elif isinstance(node, ast.Attribute):
            values = [pair for owner in self.classes(module, node.value, steps + 1) for pair in self.assigned(owner, node.attr)]
        text = ast.unparse(node)
        made = [made for home, value in values for made in self._elements(home, _without(value, text), steps + 1)]
        for call in module.calls_named("append") if values else []:
            if isinstance(call.func, ast.Attribute) and call.args and ast.unparse(call.func.value) == text:
                made.append((module, call.args[0]))
        return made

    def is_run_by(self, function: Function, module: Module, call: ast.Call) -> bool:
        """Whether a call runs a method that may have been found by its name alone: it has to be one of the object's class, where that
        is known, and none that the objects of libraries have."""
        target = call.func
        if not isinstance(target, ast.Attribute) or self.program.definitions(module, target) or _is_self(target.value):
            return True
        classes = self.classes(module, target.value)
        if classes:
            return any(self.program.method(cls, target.attr) is function for cls in classes)
        known = self.is_foreign(module, target.value) or self.of(module, target.value) not in (None, "instance")
        takes_session = any(self.of(module, argument) == "session" for argument in call.args)  # no library's method does
        return not known and (target.attr not in OF_LIBRARIES or takes_session)

    def is_foreign(self, module: Module, node: ast.expr) -> bool:
        """Whether an object was made by a call into a library."""
        if not isinstance(node, ast.Name):
            return False
        found = module.scope(node).lookup(node.id)
        values = [b.value for b in found[1] if b.kind == "assign" and not b.index] if found is not None else []
        return bool(values) and all(
            isinstance(v, ast.Call) and (name := self.program.qualified(module, v.func)) is not None and "." in name and ".py:" not in name
            for v in values
        )

    def held(self, module: Module, node: ast.expr, steps: int = 0) -> str | None:
        """What kind of thing a list or a dict holds, where it is one."""
        if steps > MOST_STEPS:
            return None
        if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
            return self.of(module, node.elts[0], steps + 1)
        if isinstance(node, ast.Dict) and node.values:
            return self.of(module, node.values[0], steps + 1)
        if isinstance(node, (ast.ListComp, ast.DictComp)):
            return self.of(module, node.value if isinstance(node, ast.DictComp) else node.elt, steps + 1)
        values: list[tuple[Module, ast.expr]] = []
        if isinstance(node, ast.Name):
            found = module.scope(node).lookup(node.id)
            values = [(module, b.value) for b in found[1] if b.kind == "assign" and b.value and not b.index] if found else []
            if found is not None and any(b.kind == "param" for b in found[1]):
                values += self.arguments(found[0], node.id)
        elif isinstance(node, ast.Call):
            functions = [d for d in self.program.definitions(module, node.func) if isinstance(d, Function)]
            values = [(f.module, returned) for f in functions for returned in returns_of(f)]
        elif isinstance(node, ast.Attribute):
            values = [pair for owner in self.classes(module, node.value, steps + 1) for pair in self.assigned(owner, node.attr)]
        kinds = [kind for home, value in values if (kind := self.held(home, value, steps + 1)) is not None]
        return kinds[0] if kinds else self._put_into(module, node, steps) if values else None

    def _put_into(self, module: Module, node: ast.expr, steps: int) -> str | None:
        """By what is appended to a list, or stored into a dict."""
        text = ast.unparse(node)
        for call in module.calls():
            if isinstance(call.func, ast.Attribute) and call.func.attr == "append" and call.args and ast.unparse(call.func.value) == text:
                return self.of(module, call.args[0], steps + 1)
        for stored in module.nodes.among(ast.Assign):
            for target in stored.targets if isinstance(stored, ast.Assign) else []:
                if isinstance(stored, ast.Assign) and isinstance(target, ast.Subscript) and ast.unparse(target.value) == text:
                    return self.of(module, stored.value, steps + 1)
        return None

    # -- calls -------------------------------------------------------------------------------------------------------------------------

    def _of_call(self, module: Module, node: ast.Call, index: tuple[int, ...], steps: int) -> str | None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "prepare" and node.args:  # accelerator.prepare(model, optimizer)
            position = index[0] if index else 0
            return self.of(module, node.args[position], steps + 1) if position < len(node.args) else None
        name = self.program.qualified(module, node.func)
        for definition in self.program.definitions(module, node.func):
            if isinstance(definition, Class):
                instead = self._of_library(module, node, name, steps) if name is not None and ".py:" not in name else None
                return instead or self._of_class(definition)  # one for where a library has none: try, except ImportError
            kind = self._of_function(definition, index, steps)
            if kind is not None:
                return kind
        for made in self._made_functions(module, node.func):
            return self._of_function(made, index, steps + 1)
        if name is not None and ".py:" not in name:
            return self._of_library(module, node, name, steps)
        if isinstance(node.func, ast.Attribute) and node.func.attr in SAME_OBJECT:
            return self.of(module, node.func.value, steps + 1)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "managed_session":  # a Supervisor's
            return "session"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "setup":  # Chainer's optimizers give themselves back
            return "optimizer" if self.of(module, node.func.value, steps + 1) == "optimizer" else None
        if isinstance(node.func, ast.Subscript) and ast.unparse(node.func).endswith("__dict__[" + ast.unparse(node.func.slice) + "]"):
            return "model"  # models.__dict__[arch]()
        return None

    def _made_functions(self, module: Module, called: ast.expr) -> Iterator[Function]:
        """What ``make_env(name)()`` runs: the function that the first call returns."""
        for maker in self.program.callees(module, called) if isinstance(called, ast.Call) else ():
            for returned in returns_of(maker):
                yield from (d for d in self.program.definitions(maker.module, returned) if isinstance(d, Function))

    def _of_class(self, cls: Class) -> str:
        if id(cls.node) not in self._classes:
            kind = self._base_kind(cls)
            self._classes[id(cls.node)] = "quiet" if kind == "model" and self._has_no_state(cls) else kind
        return self._classes[id(cls.node)]

    def _has_no_state(self, cls: Class) -> bool:
        """Whether a module keeps nothing that training changes, as losses do: no parameters, no buffers, no parts that could have some."""
        for relative in [cls, *self._all_bases(cls)]:
            bases = [self.program.qualified(relative.module, base) or "" for base in relative.node.bases]
            if any(b.startswith("torch.nn.") and b.rsplit(".", 1)[-1] != "Module" and not b.endswith("Loss") for b in bases):
                return False
            for node in walk(relative.node):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr.startswith(("register_", "add_module"))
                ):
                    return False
                if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
                    return False
                if isinstance(node, ast.Assign) and any(isinstance(t, ast.Attribute) for t in node.targets):
                    if not self._is_plain_value(relative.module, node.value):
                        return False
        return True

    def _is_plain_value(self, module: Module, value: ast.expr) -> bool:
        """Numbers, settings and losses: no layer, no tensor, and nothing that an unknown call may have made."""
        for call in (n for n in walk(value) if isinstance(n, ast.Call)):
            name = self.program.qualified(module, call.func) or ""
            if not (name.startswith("torch.nn.") and name.endswith("Loss")) and name not in ("int", "float", "bool", "len", "max", "min"):
                return False
        return True

    def _base_kind(self, cls: Class) -> str:
        for relative in [cls, *self._all_bases(cls)]:
            for base in relative.node.bases:
                last = ast.unparse(base).rsplit(".", 1)[-1]
                name = self.program.qualified(relative.module, base) or ""
                if name.startswith(VALUES):
                    return "quiet"
                for kind, names in BASES.items():
                    if last in names:
                        return kind
                if last.endswith("Iterator") and (self.program.qualified(relative.module, base) or "").startswith("chainer."):
                    return "reader" if self.program.method(cls, "serialize") is not None or last != "Iterator" else "iterator"
                if name.startswith("torch.nn.") or (name.startswith(KERAS) and last in ("Model", "Layer", "Sequential")):
                    return "model"
        return "instance"

    def is_of_keras(self, cls: Class) -> bool:
        """Whether a class is one of Keras's models or layers."""
        of = ((relative.module, base) for relative in [cls, *self._all_bases(cls)] for base in relative.node.bases)
        return any((self.program.qualified(module, base) or "").startswith(KERAS) for module, base in of)

    def _all_bases(self, cls: Class) -> list[Class]:
        found: list[Class] = []
        todo = self.program.bases(cls)
        while todo and len(found) < MOST_STEPS:
            found.append(todo[0])
            todo = [*todo[1:], *self.program.bases(todo[0])]
        return found

    def _of_function(self, function: Function, index: tuple[int, ...], steps: int) -> str | None:
        if _yields(function):
            return "iterator"
        for returned in returns_of(function):
            if index and isinstance(returned, (ast.Tuple, ast.List)):
                kind = self._of_element(function.module, returned, index, steps)
            else:
                kind = self.of(function.module, returned, steps + 1) if not index else None
            if kind not in (None, "none"):
                return kind
        return None

    def _of_library(self, module: Module, node: ast.Call, name: str, steps: int) -> str | None:
        last = name.rsplit(".", 1)[-1]
        if name.startswith("deepspeed.") or ".deepspeed." in name:
            return "engine"
        if name.startswith("jax."):
            return None  # values: jax.tree.map is no iterator
        if name.startswith("flax.nnx."):
            return _of_nnx(name, last)
        if ".lr_scheduler." in name or last.startswith("get_") and last.endswith(("_schedule", "_scheduler", "with_warmup")):
            return "scheduler"
        if name.startswith("chainer.iterators."):
            return "reader"
        if name in GENERATORS:
            return "reader"
        if name.startswith("sklearn."):
            return "transformer" if ".preprocessing." in name else "estimator" if last[:1].isupper() else None
        if (
            ".optim." in name
            or name.startswith("chainer.optimizers.")
            or last in ("Adam", "AdamW", "SGD", "Lamb", "LAMB", "RAdam", "AdaBelief", "Lookahead", "Adafactor")
        ):
            return "optimizer"
        if name.startswith(("tensorflow.", "keras.", "tf_keras.")) and (kind := _of_tensorflow(name, last)):
            return kind
        if last in SESSIONS and name.startswith(("tensorflow.", "keras.backend.")):
            return "session"
        if last in MONITORED and name.startswith("tensorflow."):
            return "monitored"
        if last == "GradScaler":
            return "scaler"
        if last in ("iter", "cycle", "count", "islice", "zip", "enumerate", "map"):
            return "iterator" if last != "count" or name.startswith("itertools") else None
        if name.endswith(WRAPPERS) and node.args:
            return self.of(module, node.args[0], steps + 1) or "model"
        if name.startswith(MODEL_HOMES) and not name.startswith(("torch.nn.functional", "torch.nn.utils", "torch.nn.init")):
            return "array" if name == "torch.nn.Parameter" else "quiet" if last.endswith("Loss") else "model"
        if last == "from_pretrained" or (last == "from_config" and "Model" in name):
            return "model" if "Model" in name or "Net" in name else None
        if name in CONTAINERS:
            return "container"
        if last == "DataLoader":
            return "ordered" if self._draws_alone(module, node) else "loader"
        return self._of_small(name, last)

    def _draws_alone(self, module: Module, node: ast.expr, steps: int = 0) -> bool:
        """Whether a data loader, or its sampler, draws its order from a random generator of its own."""
        if isinstance(node, ast.Name) and steps <= MOST_STEPS:
            found = module.scope(node).lookup(node.id)
            values = [b.value for b in found[1] if b.kind == "assign" and b.value is not None and not b.index] if found else []
            return any(self._draws_alone(module, value, steps + 1) for value in values)
        given = {k.arg: k.value for k in node.keywords} if isinstance(node, ast.Call) else {}
        generator = given.get("generator")
        if generator is not None and not (isinstance(generator, ast.Constant) and generator.value is None):
            return True
        return any(self._draws_alone(module, given[name], steps + 1) for name in ("sampler", "batch_sampler") if name in given)

    def _of_small(self, name: str, last: str) -> str | None:
        if name.startswith(TIMES):
            return "time"
        if name in ("float", "int", "bool", "len", "max", "min", "sum", "round", "abs"):
            return "number"
        if name.startswith(ENVIRONMENTS):
            return "environment"
        if name == "open":
            return "file"
        if name.startswith(ARRAYS):
            return "array"
        return "quiet" if last in NO_STATE or name.startswith(("wandb.", "logging.", "mlflow.", "neptune.", "comet_ml.")) else None


def _of_nnx(name: str, last: str) -> str | None:
    """What flax.nnx makes: objects that are changed in place."""
    if last in ("Optimizer", "ModelAndOptimizer"):
        return "optimizer"
    if last == "Rngs":
        return "reader"
    if ".metrics." in name or last.endswith("Metric"):
        return "variable"
    return "model" if last[:1].isupper() and last not in ("Param", "Variable", "GraphDef", "State") else None


@once
def kinds_of(program: Program) -> Kinds:
    """The answers for one program; they keep what they have found."""
    return Kinds(program)


def _of_tensorflow(name: str, last: str) -> str | None:
    """What a call into TensorFlow or Keras makes, of what holds variables."""
    if last == "Variable" or (".metrics." in name and last[:1].isupper()):
        return "variable"
    if last[:1].isupper() and (
        (".optimizers." in name and ".schedules." not in name) or (".train." in name and last.endswith("Optimizer"))
    ):
        return "optimizer"
    applied = ".applications." in name and last[:1].isupper()
    return "model" if applied or last in ("Sequential", "load_model", "model_from_json") or name.endswith("keras.Model") else None


def _assigned_in(cls: Class) -> dict[str, list[ast.expr]]:
    """What a class assigns to attributes of names, by attribute."""
    by_id: dict[int, dict[str, list[ast.expr]]] = cls.module.notes.setdefault("assigned in classes", {})
    known = by_id.get(id(cls.node))
    if known is None:
        known = by_id[id(cls.node)] = {}
        for node in walk(cls.node):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for target, value in _pairs(node):
                    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                        known.setdefault(target.attr, []).append(value)
    return known


def _yields(function: Function) -> bool:
    by_id: dict[int, bool] = function.module.notes.setdefault("yields", {})
    known = by_id.get(id(function.node))
    if known is None:
        known = by_id[id(function.node)] = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in walk(function.node))
    return known


def _is_self(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _pairs(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target with its value; ``a, b = x, y`` is two."""
    value = node.value
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        both = isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List))
        if both and len(target.elts) == len(value.elts):  # type: ignore[attr-defined, union-attr]
            yield from zip(target.elts, value.elts, strict=True)  # type: ignore[attr-defined, union-attr]
        elif value is not None:
            yield target, value
