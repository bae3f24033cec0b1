#!/usr/bin/env python3
"""Write migrate/facts/secrets/patterns.json anew from detect-secrets, which is installed for tests only.

.envs/main/bin/python tools/extract_secret_patterns.py
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "migrate" / "facts" / "secrets" / "patterns.json"
# Those whose pattern alone tells a secret. Left out are those that take numbers, addresses or words of code for one.
PLUGINS = """
    aws azure_storage_key basic_auth discord github_token gitlab_token jwt mailchimp npm openai private_key pypi_token sendgrid slack
    square_oauth stripe telegram_token twilio
""".split()
IN_A_GROUP = ("basic_auth", "aws")  # the secret is the group, where the pattern has one; else it is all that matches


def extract() -> dict[str, Any]:
    """What the file holds: patterns with what they find, and the words that name a secret."""
    patterns = [entry for plugin in PLUGINS for entry in _of(plugin)]
    keyword = importlib.import_module("detect_secrets.plugins.keyword")
    version = importlib.metadata.version("detect-secrets")
    return {
        "source": f"detect-secrets {version}, https://github.com/Yelp/detect-secrets, Apache-2.0",
        "patterns": patterns,
        "words": list(keyword.DENYLIST),
    }


def _of(plugin: str) -> list[dict[str, Any]]:
    from detect_secrets.plugins.base import RegexBasedDetector

    module = importlib.import_module(f"detect_secrets.plugins.{plugin}")
    found = []
    for detector in vars(module).values():
        if isinstance(detector, type) and issubclass(detector, RegexBasedDetector) and detector is not RegexBasedDetector:
            for pattern in detector.denylist:
                group = 1 if plugin in IN_A_GROUP and pattern.groups == 1 else 0
                entry = {"kind": detector.secret_type, "pattern": pattern.pattern, "group": group}
                found.append({**entry, "any_case": bool(pattern.flags & re.IGNORECASE)})
    return found


def main() -> None:
    """Write the file."""
    TARGET.write_text(json.dumps(extract(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(extract()['patterns'])} patterns")


if __name__ == "__main__":
    main()
