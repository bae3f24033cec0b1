"""Stands before the real torchvision, which is built for CUDA: declares the two operators that a CPU torch lacks, then makes way."""

import importlib
import os
import sys

import torch

for _name in ("nms", "qnms"):
    torch.library.define(f"torchvision::{_name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

_here, _path = os.path.dirname(os.path.abspath(__file__)), list(sys.path)
del sys.modules["torchvision"]
sys.path[:] = [entry for entry in _path if os.path.abspath(entry or ".") != _here]
importlib.import_module("torchvision")
sys.path[:] = _path
# Made-up data has other checksums than what it stands for; a reader that finds them unlike would download.
sys.modules["torchvision.datasets.utils"].check_md5 = lambda *_, **__: True  # type: ignore[attr-defined]
