# ruff: noqa: E501
"""What a script saves and loads by itself, as a careful person would call it."""

from __future__ import annotations

import pytest

from migrate.facts.training.own import own_checkpoints
from tests.facts.programs import program_of

HEAD = """\
import torch
from torch import nn, optim
model = nn.Linear(2, 1)
optimizer = optim.SGD(model.parameters(), lr=0.1)
start = 0
"""
LOOP = """\
for epoch in range(start, 5):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
"""
SAVE = "    torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': epoch}, 'last.pt')\n"
BEST = "    torch.save(model.state_dict(), 'best.pt')\n"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (LOOP, "none"),
        (LOOP + BEST, "save-only"),
        (LOOP + BEST + "model.load_state_dict(torch.load('best.pt'))\nmodel.eval()\n", "save-only"),
        ("model.load_state_dict(torch.load(args.pretrained))\n" + LOOP + BEST, "save-only"),
        ("model.load_state_dict(torch.load(args.pretrained))\n" + LOOP, "none"),
        ("if args.resume:\n    model.load_state_dict(torch.load(args.resume))\n" + LOOP + BEST, "partial"),
        ("if args.resume:\n    ckpt = torch.load('a')\n    model.load_state_dict(ckpt['net'])\n    start = ckpt['epoch']\n" + LOOP + SAVE, "partial"),
        (
            "if args.resume:\n    ckpt = torch.load('a')\n    model.load_state_dict(ckpt['model'])\n    optimizer.load_state_dict(ckpt['optimizer'])\n"
            "    start = ckpt['epoch'] + 1\n" + LOOP + SAVE,
            "full",
        ),
        (
            "def resume(path):\n    checkpoint = torch.load(path)\n    model.load_state_dict(checkpoint['model'])\n"
            "    optimizer.load_state_dict(checkpoint['optimizer'])\n    args.start_epoch = checkpoint['epoch']\nif args.resume:\n    resume(args.resume)\n"
            + LOOP + SAVE,
            "full",
        ),
        ("def unused():\n    optimizer.load_state_dict(torch.load('a')['optimizer'])\n    start = checkpoint['epoch']\n" + LOOP + SAVE, "save-only"),
    ],
)  # fmt: skip
def test_the_kind(source: str, kind: str) -> None:
    assert own_checkpoints(program_of({"train.py": HEAD + source})) == kind
