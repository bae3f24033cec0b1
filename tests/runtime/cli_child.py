"""A LightningCLI, which dies where KILL says: ``python train.py OUT KIND``. Run beside a support file."""

import os
import signal
import sys

import lightning
import numpy as np
import torch
from lightning.pytorch.cli import LightningCLI
from sagemaker_support import resume_cli
from torch.utils.data import DataLoader, TensorDataset

OUT, KIND = sys.argv[1:]
sys.argv[1:] = ["fit", "--trainer.max_epochs=4", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
sys.argv += ["--trainer.enable_model_summary=false", f"--trainer.default_root_dir={OUT}", "--model.width=6"]
begun = 0


class Module(lightning.LightningModule):
    def __init__(self, width: int = 4):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(6, width), torch.nn.Dropout(0.3), torch.nn.Linear(width, 3))

    def training_step(self, batch, index):
        return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)

    def on_train_epoch_start(self):
        global begun
        begun += 1
        if str(begun) == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)


class Data(lightning.LightningDataModule):
    def train_dataloader(self):
        numbers = torch.Generator().manual_seed(0)
        data = TensorDataset(torch.rand(48, 6, generator=numbers), torch.randint(0, 3, (48,), generator=numbers))
        return DataLoader(data, batch_size=8, shuffle=True)


class Cli(LightningCLI):
    def after_fit(self):
        arrays = {name: value.numpy() for name, value in self.model.state_dict().items()}
        arrays.update({f"{place}": p.detach().numpy() for place, p in enumerate(self.model.parameters())})
        np.savez(f"{OUT}/weights.npz", **arrays)
        with open(f"{OUT}/told.txt", "w") as file:
            file.write(f"{self.trainer.current_epoch} {self.trainer.global_step} {torch.rand(1).item()}")


resume_cli(Cli)
Cli(Module, Data, seed_everything_default=1)
