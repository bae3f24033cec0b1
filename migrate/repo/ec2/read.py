"""All of the EC2 side of a tree, from every reader."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.repo.ec2.model import Ec2Side
from migrate.repo.entries import Entry
from migrate.repo.tree import Tree


def read_ec2(tree: Tree, entries: Iterable[Entry] = ()) -> Ec2Side:
    """What the files of ``tree`` say of how its ``entries`` run on EC2. Runs nothing; a file that cannot be read is a problem in it."""
    return Ec2Side()
