"""AWS as a table of answers. The clients are real; every request, and every answer, is held against botocore's service model here, with
the patterns, lengths and values that botocore itself leaves unchecked."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
import botocore.client
from botocore.exceptions import ClientError
from botocore.handlers import json_decode_policies
from botocore.model import Shape
from botocore.validate import ParamValidator

from migrate.job.validate import pattern_matches

Answer = dict[str, Any] | Exception | Callable[[dict[str, Any]], dict[str, Any]]


def denied(code: str = "AccessDeniedException", message: str = "no", operation: str = "X", **response: Any) -> ClientError:
    """What AWS says when it refuses."""
    return ClientError({"Error": {"Code": code, "Message": message}, **response}, operation)  # type: ignore[arg-type]


def session() -> boto3.Session:
    """Credentials that are good for nothing but this."""
    return boto3.Session("testing", "testing", region_name="eu-west-1")


class Wire:
    """``calls`` are (service:operation, parameters), in the order in which they were made."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        model = client.meta.service_model.operation_model(operation)
        name = f"{client.meta.service_model.service_name}:{operation}"
        if model.input_shape is not None:
            _check(name, parameters, model.input_shape)
        self.calls.append((name, parameters))
        answer = self.answers.get(name, {})
        if isinstance(answer, ClientError):
            raise denied(answer.response["Error"]["Code"], answer.response["Error"]["Message"], operation, **_rest(answer))
        if isinstance(answer, Exception):
            raise answer
        made = answer(parameters) if callable(answer) else answer
        if model.output_shape is not None:
            report = ParamValidator().validate({k: v for k, v in made.items() if k != "ResponseMetadata"}, model.output_shape)
            assert not report.has_errors(), f"{name} answers no such thing: {report.generate_report()}"
        if name.startswith("iam:"):
            made = copy.deepcopy(made)
            json_decode_policies(made, model)  # what botocore makes of an answer of IAM's before anyone sees it
        return made

    def asked(self, name: str) -> list[dict[str, Any]]:
        return [parameters for called, parameters in self.calls if called == name]


def _rest(error: ClientError) -> dict[str, Any]:
    return {key: value for key, value in error.response.items() if key != "Error"}


def _check(name: str, parameters: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), f"{name}: {report.generate_report()}"
    for where, problem in _problems(parameters, shape, name):
        raise AssertionError(f"{where}: {problem}")


def _problems(value: Any, shape: Shape, where: str) -> Iterator[tuple[str, str]]:
    if shape.type_name == "structure":
        for key, item in value.items():
            yield from _problems(item, shape.members[key], f"{where}.{key}")  # type: ignore[attr-defined]
    elif shape.type_name == "list":
        for item in value:
            yield from _problems(item, shape.member, f"{where}[]")  # type: ignore[attr-defined]
    rules = shape.metadata
    if shape.type_name in ("string", "list") and len(value) > rules.get("max", len(value)):
        yield where, f"is longer than {rules['max']}"
    if shape.type_name == "integer" and value > rules.get("max", value):
        yield where, f"is above {rules['max']}"
    if shape.type_name == "string" and value not in rules.get("enum", [value]):
        yield where, f"{value} is none of {rules['enum']}"
    if shape.type_name == "string" and "pattern" in rules and not pattern_matches(_plain(rules["pattern"]), value):
        yield where, f"{value} does not match {rules['pattern']}"


def _plain(pattern: str) -> str:
    return re.sub(r"\\p\{Graph\}", r"[\\x21-\\x7e]", pattern)


@contextmanager
def wired(answers: dict[str, Answer]) -> Iterator[Wire]:
    """Every call of every client goes to the table; what is not in it is answered by nothing at all."""
    wire = Wire(answers)

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return wire.call(client, operation, parameters)

    with patch.object(botocore.client.BaseClient, "_make_api_call", call):
        yield wire
