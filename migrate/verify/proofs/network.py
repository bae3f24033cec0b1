"""Which addresses the script asks for. A training job has the network unless it is isolated, so that a call is told and fails nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from migrate.verify.model import Check, Evidence

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

_MOST = 50


def calls(seen: Seen) -> list[Mapping[str, Any]]:
    """The probe's events of addresses outside this machine."""
    return [event for event in seen.events if event["kind"] == "connect"]


def check(seen: Seen, isolated: bool) -> Check:
    """The verdict; ``isolated`` says that the job's containers have no network."""
    found = calls(seen)
    if not found:
        return Check("network", seen.run.style, "pass", "no address was asked for by Python code")
    evidence = tuple(Evidence(f"asked the network for {event['path']}", event.get("where")) for event in found[:_MOST])
    where = "; there was none here" if not seen.network else ""
    if isolated:
        text = f"{len(found)} addresses were asked for, and the job is isolated from the network{where}"
        return Check(
            "network", seen.run.style, "fail", text, evidence, advice="give what is fetched as a channel, or take the isolation away"
        )
    advice = "data and pretrained weights can come as a channel: quicker, the same each time, and in a VPC without a way out"
    return Check("network", seen.run.style, "note", f"{len(found)} addresses were asked for{where}", evidence, advice=advice)
