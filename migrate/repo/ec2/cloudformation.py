"""CloudFormation templates: instances, launch templates, fleets, roles, with parameters and conditions filled in from their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.repo.ec2 import userdata, yamls
from migrate.repo.ec2.collect import Collector
from migrate.repo.ec2.machines import Leaf, Settings, find, leaves, machine
from migrate.repo.ec2.model import Fact, Problem

MACHINES = {
    "AWS::EC2::Instance": None,
    "AWS::EC2::LaunchTemplate": None,
    "AWS::EC2::SpotFleet": True,
    "AWS::EC2::EC2Fleet": None,
    "AWS::AutoScaling::LaunchConfiguration": None,
    "AWS::AutoScaling::AutoScalingGroup": None,
    "AWS::Batch::ComputeEnvironment": None,
}
MOST_DEEP = 60
_NOTHING = "AWS::NoValue"


def read(collector: Collector, path: str, text: str) -> None:
    """One template. A file that holds ``AWS::`` and is no template is passed over."""
    try:
        template = yamls.settings(text)
    except yamls.Unreadable as error:
        collector.problems.append(Problem(path, error.line, f"no CloudFormation template that can be read: {error}"))
        return
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        return
    values = _Values(template)
    for name, resource in values.resources.items():
        kind = _plain(resource.get("Type")) if isinstance(resource, dict) else None
        properties = resource.get("Properties", {}) if isinstance(resource, dict) else {}
        if kind in MACHINES:
            _machine(values.of(properties), kind, name, path, collector)
        elif kind == "AWS::IAM::Role" and isinstance(properties, dict):
            for leaf in leaves(values.of(properties.get("RoleName", []))):
                collector.roles.append(Fact(leaf.text, path, leaf.line, f"{kind} {name}"))


def _machine(properties: Settings, kind: str, name: str, path: str, collector: Collector) -> None:
    by = f"{kind} {name}"
    line = next((leaf.line for leaf in leaves(properties)), 1)
    data = next(iter(find(properties, "userdata")), None)
    user_data = None
    if isinstance(data, Leaf) and data.text:
        user_data = Fact("inside", path, data.line, by)
        userdata.follow(collector, path, _shell(data.text), data.line + data.offset)
    made = machine(_without(properties, "UserData"), by, path, line, spot=MACHINES[kind], user_data=user_data)
    if made.instance_types or made.ami:
        collector.machines.append(made)


def _without(settings: Settings, name: str) -> Settings:
    if isinstance(settings, Mapping):
        return {key: _without(value, name) for key, value in settings.items() if key != name}
    return settings if isinstance(settings, Leaf) else [_without(value, name) for value in settings]


def _shell(text: str) -> str:
    """What nothing gives, as variables of the shell; ``${!X}`` is the shell's own."""
    made = re.sub(r"\$\{((?!!)[\w:.]*[:.][\w:.]*)\}", lambda match: "${" + re.sub(r"\W+", "_", match[1]) + "}", text)
    return made.replace("${!", "${")


def _plain(value: Settings | None) -> str | None:
    return value.text if isinstance(value, Leaf) else None


@dataclass
class _Values:
    """Fills in one template."""

    template: Mapping[str, Settings]

    def __post_init__(self) -> None:
        self.resources = self._table("Resources")
        self.parameters = self._table("Parameters")
        self.conditions = self._table("Conditions")
        self.mappings = self._table("Mappings")

    def _table(self, name: str) -> Mapping[str, Settings]:
        table = self.template.get(name)
        return table if isinstance(table, dict) else {}

    def of(self, value: Settings, depth: int = 0) -> Settings:
        """``value`` with its functions applied, as far as defaults tell."""
        if isinstance(value, Leaf) or depth > MOST_DEEP:
            return value
        if isinstance(value, Mapping):
            if len(value) == 1:
                [(name, inner)] = value.items()
                if name == "Ref" or name.startswith("Fn::"):
                    return self._function(name.removeprefix("Fn::"), inner, depth)
            made = {name: self.of(inner, depth + 1) for name, inner in value.items()}
            return {name: inner for name, inner in made.items() if not (isinstance(inner, Leaf) and inner.text == _NOTHING)}
        return [self.of(inner, depth + 1) for inner in value]

    def _function(self, name: str, inner: Settings, depth: int) -> Settings:
        line = next((leaf.line for leaf in leaves(inner)), 0)
        if name == "Ref" and isinstance(inner, Leaf):
            return self._reference(inner, depth)
        if name == "Sub":
            return self._sub(inner, depth)
        if name == "GetAtt":
            return Leaf(".".join(leaf.text for leaf in leaves(inner)), line)
        if name in {"Base64", "Split", "GetAZs"}:
            return self.of(inner, depth + 1)
        if name == "Join" and isinstance(inner, list) and len(inner) == 2:
            parts = self.of(inner[1], depth + 1)
            if isinstance(parts, list) and all(isinstance(part, Leaf) for part in parts):
                return Leaf((_plain(inner[0]) or "").join(_plain(part) or "" for part in parts), line)
        if name == "If" and isinstance(inner, list) and len(inner) == 3:
            holds = self._holds(_plain(inner[0]) or "", depth)
            if holds is not None:
                return self.of(inner[1 if holds else 2], depth + 1)
            return Leaf(_NOTHING, line)
        if name == "FindInMap" and isinstance(inner, list) and len(inner) == 3:
            return self._mapped(inner, depth) or Leaf(_NOTHING, line)
        if name == "Select" and isinstance(inner, list) and len(inner) == 2:
            items, at = self.of(inner[1], depth + 1), _plain(inner[0]) or ""
            if isinstance(items, Sequence) and at.isdecimal() and int(at[:4]) < len(items):
                return items[int(at[:4])]
        return Leaf(f"{name} {' '.join(leaf.text for leaf in leaves(inner))}".strip(), line)

    def _reference(self, name: Leaf, depth: int) -> Settings:
        parameter = self.parameters.get(name.text)
        if isinstance(parameter, dict) and "Default" in parameter and depth < MOST_DEEP:
            return self.of(parameter["Default"], depth + 1)
        resource = self.resources.get(name.text)
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        if isinstance(properties, dict) and isinstance(resource, dict) and _plain(resource.get("Type")) == "AWS::IAM::InstanceProfile":
            own = next((properties[key] for key in ("InstanceProfileName", "Roles") if key in properties), name)
            return next(leaves(self.of(own, depth + 1)), name) if depth < MOST_DEEP else name
        if isinstance(properties, dict) and "RoleName" in properties and depth < MOST_DEEP:
            return self.of(properties["RoleName"], depth + 1)
        return name

    def _sub(self, inner: Settings, depth: int) -> Settings:
        given: Mapping[str, Settings] = {}
        text = inner
        if isinstance(inner, list) and inner:
            text = inner[0]
            given = inner[1] if len(inner) > 1 and isinstance(inner[1], dict) else {}
        if not isinstance(text, Leaf):
            return self.of(text, depth + 1)

        def filled(match: re.Match[str]) -> str:
            own = given.get(match[1])
            if own is not None:
                return _plain(self.of(own, depth + 1)) or match[0]
            found = self._reference(Leaf(match[1], 0), depth + 1)
            return found.text if isinstance(found, Leaf) and found.text != match[1] else match[0]

        block = 1 if "\n" in text.text else 0  # of a block scalar the text begins on the line after its mark
        return Leaf(re.sub(r"\$\{([\w:.]+)\}", filled, text.text), text.line, offset=block)

    def _mapped(self, inner: list[Settings], depth: int) -> Settings | None:
        value: Settings = self.mappings
        for part in inner:
            name = _plain(self.of(part, depth + 1))
            if not isinstance(value, Mapping) or name is None or name not in value:
                return None
            value = value[name]
        return value

    def _holds(self, name: str, depth: int) -> bool | None:
        """Whether a condition holds with the defaults; None where that is not known."""
        return self._true(self.conditions.get(name), depth)

    def _true(self, value: Settings | None, depth: int) -> bool | None:
        if not isinstance(value, Mapping) or len(value) != 1 or depth > MOST_DEEP:
            return None
        [(name, inner)] = value.items()
        if name == "Condition" and isinstance(inner, Leaf):
            return self._holds(inner.text, depth + 1)
        parts = inner if isinstance(inner, list) else [inner]
        if name == "Fn::Equals" and len(parts) == 2:
            one, two = (self.of(part, depth + 1) for part in parts)
            sure = all(isinstance(each, Leaf) for each in (one, two)) and not self._open(parts)
            return _plain(one) == _plain(two) if sure else None
        results = [self._true(part, depth + 1) for part in parts]
        if None in results:
            return None
        if name == "Fn::Not":
            return not results[0]
        return all(results) if name == "Fn::And" else any(results) if name == "Fn::Or" else None

    def _open(self, parts: list[Settings]) -> bool:
        """Whether a parameter without a default is asked."""
        names = [leaf.text for part in parts for value in find(part, "ref") for leaf in leaves(value)]
        return any("Default" not in table for name in names if isinstance(table := self.parameters.get(name, {}), Mapping))
