import argparse
import os

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--data-dir", default="./data")
parser.add_argument("--out", default="./output")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--amp", action="store_true")
args = parser.parse_args()

dist.init_process_group("nccl")
features = torch.from_numpy(np.load(os.path.join(args.data_dir, "features.npy")))
labels = torch.from_numpy(np.load(os.path.join(args.data_dir, "labels.npy")))
model = nn.Linear(features.shape[1], 2)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    loss = nn.functional.cross_entropy(model(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
torch.save(model.state_dict(), os.path.join(args.out, "model.pt"))
