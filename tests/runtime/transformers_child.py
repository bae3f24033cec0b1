"""Two trainings of a Trainer in a row, which die where KILL says: ``python train.py OUT KIND``. Run beside a support file."""

import os
import signal
import sys

import numpy as np
import torch
from sagemaker_support import transformers_train
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments, set_seed

OUT, KIND = sys.argv[1:]
begun = 0


class Data(torch.utils.data.Dataset):
    def __init__(self):
        numbers = torch.Generator().manual_seed(0)
        self.x, self.y = torch.randint(0, 50, (40, 7), generator=numbers), torch.randint(0, 3, (40,), generator=numbers)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return {"input_ids": self.x[index], "labels": self.y[index]}


class Watch(TrainerCallback):
    def __init__(self):
        self.steps = []

    def on_step_end(self, args, state, control, **rest):
        global begun
        begun += 1
        self.steps.append(state.global_step)
        if str(begun) == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)


set_seed(3)
sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
best = {"save_strategy": "epoch", "eval_strategy": "epoch", "load_best_model_at_end": True, "save_total_limit": 1}
for number in range(2):
    arguments = TrainingArguments(
        output_dir=f"{OUT}/model{number}", num_train_epochs=2, per_device_train_batch_size=8, learning_rate=5e-3, logging_steps=3,
        report_to=[], disable_tqdm=True, use_cpu=True, **(best if KIND == "best" else {"save_strategy": "no"}),
    )  # fmt: skip
    model = BertForSequenceClassification(BertConfig(num_labels=3, max_position_embeddings=8, **sizes))
    watch = Watch()
    trainer = Trainer(model=model, args=arguments, train_dataset=Data(), eval_dataset=Data(), callbacks=[watch])
    result = transformers_train(trainer.train)()
    trainer.save_model()
    np.savez(f"{OUT}/weights{number}.npz", **{name: value.numpy() for name, value in trainer.model.state_dict().items()})
    timed = ("second", "runtime")
    logs = [{k: v for k, v in sorted(log.items()) if not any(word in k for word in timed)} for log in trainer.state.log_history]
    with open(f"{OUT}/told{number}.txt", "w") as file:
        file.write(repr((result.global_step, result.training_loss, watch.steps, logs)))
