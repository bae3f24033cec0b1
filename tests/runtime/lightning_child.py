"""Two Lightning fits in a row, which die where KILL says: ``python train.py OUT KIND``. Run beside a support file."""

import os
import random
import signal
import sys

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from sagemaker_support import lightning_fit
from torch.utils.data import DataLoader, TensorDataset

OUT, KIND = sys.argv[1:]
begun = 0


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        layers = torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 3)
        self.net = torch.nn.Sequential(*layers)

    def training_step(self, batch, index):
        loss = torch.nn.functional.cross_entropy(self.net(batch[0] + np.random.normal() * 0.01 + random.random() * 0.01), batch[1])
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.02)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "train_loss"}}

    def on_train_epoch_start(self):
        global begun
        begun += 1
        if str(begun) == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)


lightning.seed_everything(3)
numbers = torch.Generator().manual_seed(0)
data = TensorDataset(torch.rand(48, 6, generator=numbers), torch.randint(0, 3, (48,), generator=numbers))
for number in range(2):
    module = Module()
    best = ModelCheckpoint(monitor="val_loss", save_last=True)
    stop = EarlyStopping("train_loss", patience=1 if KIND == "early" else 9, min_delta=0.02)
    trainer = lightning.Trainer(
        max_epochs=4, logger=CSVLogger(OUT, name=f"log{number}"), callbacks=[best, stop], accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
    )  # fmt: skip
    lightning_fit(trainer.fit)(module, DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=16))
    kept = {"now": module.state_dict(), "best": torch.load(best.best_model_path, weights_only=False)["state_dict"]}
    np.savez(f"{OUT}/weights{number}.npz", **{f"{of} {name}": v.numpy() for of, found in kept.items() for name, v in found.items()})
    with open(f"{OUT}/told{number}.txt", "w") as file:
        file.write(f"{os.path.basename(best.best_model_path)} {best.best_model_score} {trainer.current_epoch} {trainer.global_step}")
