"""A rule by its code."""

from __future__ import annotations

from migrate.rules.base import Rule, all_rules


def rule_of(code: str) -> Rule:
    return next(rule for rule in all_rules() if rule.code == code)
