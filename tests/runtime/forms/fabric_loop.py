"""A loop of Lightning's Fabric."""

import json
import os

import torch
from lightning.fabric import Fabric
from torch.utils.data import DataLoader, TensorDataset

fabric = Fabric(accelerator="cpu", devices=1)
fabric.launch()
fabric.seed_everything(1)
model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.3), torch.nn.Linear(3, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
model, optimizer = fabric.setup(model, optimizer)
loader = fabric.setup_dataloaders(DataLoader(TensorDataset(torch.rand(16, 4)), batch_size=4, shuffle=True))
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
best = 1e9
for epoch in range(5):
    total = 0.0
    for (x,) in loader:
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        fabric.backward(loss)
        optimizer.step()
        total += loss.item()
    scheduler.step()
    best = min(best, total)
    print(epoch, total)
with open(os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.json"), "w") as file:
    json.dump([best, total, [p.tolist() for p in model.parameters()], torch.rand(1).item()], file)
