"""Training that a framework runs by itself: killed, wiped but for the checkpoint folder, and started again, it ends with the same bits."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from migrate.runtime import support_source
from tests.environments import python_of

HERE = Path(__file__).parent
FRAMEWORKS = {
    "keras": ("keras_fit", "tf"),
    "lightning": ("lightning_fit", "hf"),
    "cli": ("resume_cli", "hf"),
    "transformers": ("transformers_train", "hf"),
}


class Job:
    """A child script in a folder of its own. ``run`` starts it as SageMaker would; the checkpoint folder stays when it is wiped."""

    def __init__(self, folder: Path, framework: str, kind: str, **more: str) -> None:
        self.name, self.environment = FRAMEWORKS[framework]
        self.folder, self.kind, self.more = folder, kind, more
        folder.mkdir()
        shutil.copy(HERE / f"{framework}_child.py", folder / "train.py")
        (folder / "sagemaker_support.py").write_bytes(support_source([self.name]))

    def run(self, kill: int = 0, active: bool = True) -> str:
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        (self.folder / "out").mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        environment |= {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "KILL": str(kill), **self.more}
        if active:
            environment |= {"SM_CHECKPOINT_DIR": str(self.folder / "checkpoints"), "SM_CHECKPOINT_SECONDS": "0", "SM_MODEL_DIR": "out"}
        command = [str(python_of(self.environment)), "train.py", "out", self.kind]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == (-9 if kill else 0), done.stderr[-3000:]
        return done.stdout

    def told(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.folder / "out").rglob("*")) if path.suffix in (".txt", ".csv")}

    def weights(self) -> dict[str, bytes]:
        found = {}
        for path in sorted((self.folder / "out").glob("*.npz")):
            with np.load(path) as arrays:
                found.update({f"{path.name} {name}": arrays[name].tobytes() for name in arrays.files})
        assert len(found) > 6
        return found


@pytest.mark.parametrize(
    ("framework", "kind", "kills"),
    [
        ("keras", "array", (3,)),  # in the first fit
        ("keras", "array", (7, 2)),  # in the second fit, and once more in its rest
        ("keras", "dataset", (3,)),
        ("keras", "repeated", (6,)),
        ("keras", "sequence", (4,)),
        ("keras", "unbuilt", (3,)),
        ("keras", "early", (3,)),
        ("lightning", "plain", (3,)),
        ("lightning", "plain", (5,)),  # the second fit has begun, and saved nothing
        ("lightning", "early", (7,)),
        ("cli", "fit", (3,)),
        ("transformers", "plain", (4,)),  # within an epoch
        ("transformers", "best", (18,)),
    ],
)
def test_a_run_that_was_interrupted_ends_with_the_same_bits(framework: str, kind: str, kills: tuple[int, ...], tmp_path: Path) -> None:
    whole, broken = Job(tmp_path / "whole", framework, kind), Job(tmp_path / "broken", framework, kind)
    whole.run()
    for kill in kills:
        broken.run(kill)
    assert "keeper: " in broken.run()
    assert broken.told() == whole.told()
    assert broken.weights() == whole.weights()


@pytest.mark.parametrize(("framework", "kind"), [("keras", "dataset"), ("lightning", "plain"), ("cli", "fit"), ("transformers", "best")])
def test_without_a_checkpoint_folder_it_is_the_frameworks_own(framework: str, kind: str, tmp_path: Path) -> None:
    kept, bare = Job(tmp_path / "kept", framework, kind), Job(tmp_path / "bare", framework, kind)
    kept.run()
    bare.run(active=False)
    assert not (bare.folder / "checkpoints").exists()
    assert bare.told() == kept.told()
    assert bare.weights() == kept.weights()


def test_keras_2_goes_on_too(tmp_path: Path) -> None:
    whole = Job(tmp_path / "whole", "keras", "dataset", WHICH="tf_keras")
    broken = Job(tmp_path / "broken", "keras", "dataset", WHICH="tf_keras")
    whole.run()
    broken.run(kill=3)
    broken.run()
    assert broken.told() == whole.told()
    assert broken.weights() == whole.weights()


def test_a_fit_stops_before_the_runtime_limit_and_the_next_job_goes_on(tmp_path: Path) -> None:
    whole, chained = Job(tmp_path / "whole", "keras", "array"), Job(tmp_path / "chained", "keras", "array", SM_MAX_SECONDS="1")
    whole.run()
    assert "stops before the runtime limit" in chained.run()
    assert (chained.folder / "checkpoints" / "more-to-do.json").exists()
    del chained.more["SM_MAX_SECONDS"]
    chained.run()
    assert not (chained.folder / "checkpoints" / "more-to-do.json").exists()
    assert chained.weights() == whole.weights()


def test_a_damaged_checkpoint_is_passed_over_and_another_model_is_refused(tmp_path: Path) -> None:
    job = Job(tmp_path / "job", "keras", "array")
    job.run(kill=4)
    newest = max((job.folder / "checkpoints" / "keras" / "train" / "001").glob("*.json"))
    newest.write_bytes(newest.read_bytes()[:-9])
    assert "is damaged" in (told := job.run()) and "fit goes on at epoch 3" in told
    script = job.folder / "train.py"
    script.write_text(script.read_text().replace("Dense(8", "Dense(9"))
    with pytest.raises(AssertionError, match="checkpoint is of another model"):
        job.run()
