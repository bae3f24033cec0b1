"""Clients that give up soon, and what AWS refuses told as one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from migrate.doctor.model import Check, unchecked

QUICK = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError", "403")


class Account:
    """An AWS account, seen with the credentials of this machine. ``region`` is where the jobs run."""

    def __init__(self, region: str, session: boto3.Session | None = None) -> None:
        self.region = region
        self.session = session or boto3.Session(region_name=region)
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of a service, in the jobs' region unless said otherwise."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.session.client(service, region_name=key[1], config=QUICK)  # type: ignore[call-overload]
        return self._clients[key]

    def pages(self, service: str, operation: str, key: str, most: int = 1000, region: str | None = None, **parameters: Any) -> list[Any]:
        """The items under ``key`` of all pages of an answer, at most ``most``."""
        found: list[Any] = []
        for page in self.client(service, region).get_paginator(operation).paginate(**parameters):
            found += page.get(key, [])
            if len(found) >= most:
                break
        return found[:most]


def asked(name: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks, as far as AWS answers; the rest is "not checked", with the reason."""
    try:
        yield from checks()
    except (ClientError, BotoCoreError) as error:
        yield unchecked(name, reason_of(error))


def reason_of(error: ClientError | BotoCoreError) -> str:
    """Why AWS did not answer, in one line."""
    if not isinstance(error, ClientError):
        return str(error).split("\n")[0]
    told = error.response.get("Error", {})
    if code_of(error) in DENIED:
        return f"{error.operation_name} is not allowed to these credentials"
    return f"{error.operation_name}: {told.get('Code')}: {told.get('Message')}".replace("\n", " ")


def code_of(error: ClientError) -> str:
    """The error's code."""
    return str(error.response.get("Error", {}).get("Code", ""))
