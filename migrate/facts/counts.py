"""Options that count what an instance has: data loader workers, GPUs."""

from __future__ import annotations

import re

from migrate.facts.model import Option

WORKERS = re.compile(
    r"^(?:(?:num|n|nb|data|loader|dataloader|load|num_data|number_of)_?)?(?:workers?|threads|num_cpus|nthreads|njobs)$|^loaderjob$"
)
GPUS = re.compile(r"^(?:num|n|nb|number_of)_?(?:gpus?|devices)$|^(?:ngpus?(?:_per_node)?|gpu_count|nproc_per_node|num_gpus_per_node)$")


def variable_of(option: Option) -> str | None:
    """The variable that tells how many of it the instance has, where the option is a count."""
    if not _is_count(option):
        return None
    name = option.dest.lower()
    if option.default == 1 and WORKERS.match(name):
        return None  # every instance has one
    return "SM_NUM_CPUS" if WORKERS.match(name) else "SM_NUM_GPUS" if GPUS.match(name) else None


def _is_count(option: Option) -> bool:
    number = isinstance(option.default, int) and not isinstance(option.default, bool) and option.default > 0
    return number and option.default_known and option.type == "int" and option.nargs is None and bool(option.options)
