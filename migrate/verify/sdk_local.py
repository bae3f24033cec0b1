"""Runs a job by the SageMaker Python SDK's own local mode, v3 or v2, in the Python that has it. Never imported by the tool.

Its argument is a JSON file: ``style`` (``v3`` or ``toolkit``), ``image``, ``source``, ``entry``, ``hyperparameters``, ``environment``,
``channels`` (name to folder), ``root`` (a scratch folder: v3 deletes ``input`` and ``shared`` below it), ``watch`` (folder and the place
where the container sees it), ``gpus``. What the job makes is put into ``root``/kept: ``model`` and ``output``.
"""

import json
import os
import shutil
import sys
import tarfile
from typing import Any, Dict

ROLE = "arn:aws:iam::000000000000:role/local"  # asked for, and used by nobody


def main() -> None:
    with open(sys.argv[1]) as handle:
        spec = json.load(handle)
    kept = os.path.join(spec["root"], "kept")
    for name in ("model", "output"):
        os.makedirs(os.path.join(kept, name))
    try:
        if spec["style"] == "v3":
            _v3(spec)
        else:
            _v2(spec)
    except RuntimeError as error:
        if "exited with code" not in str(error):
            raise
        sys.exit(1)  # the script's own failure, which it has told itself
    finally:
        _keep(spec["root"], kept)


def _v3(spec: Dict[str, Any]) -> None:
    from sagemaker.core.training.configs import Compute, InputData, SourceCode, StoppingCondition  # type: ignore[import-not-found, unused-ignore]
    from sagemaker.train import ModelTrainer  # type: ignore[import-not-found, unused-ignore]
    from sagemaker.train.local.local_container import _LocalContainer  # type: ignore[import-not-found, unused-ignore]
    from sagemaker.train.model_trainer import Mode  # type: ignore[import-not-found, unused-ignore]

    _watched(_LocalContainer, "{}:{}".format(*spec["watch"]))
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        role=ROLE,
        base_job_name="migrate-verify",
        training_image=spec["image"],
        source_code=SourceCode(source_dir=spec["source"], entry_script=spec["entry"]),
        compute=Compute(instance_type="local_gpu" if spec["gpus"] else "local_cpu", instance_count=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=86400),
        hyperparameters=spec["hyperparameters"],
        environment=spec["environment"],
        local_container_root=spec["root"],
    )
    trainer.train(input_data_config=[InputData(channel_name=n, data_source=p) for n, p in spec["channels"].items()], wait=True, logs=True)


def _v2(spec: Dict[str, Any]) -> None:
    from sagemaker.estimator import Framework  # type: ignore[import-not-found, unused-ignore]
    from sagemaker.local import LocalSession  # type: ignore[import-not-found, unused-ignore]
    from sagemaker.local.image import _SageMakerContainer, _Volume  # type: ignore[import-not-found, unused-ignore]

    class Script(Framework):  # type: ignore[misc]
        """The estimator of no framework in particular: what all of them do with a script."""

        _framework_name = "migrate-verify"
        framework_version = py_version = None  # the image is given

        def create_model(self, **kwargs: Any) -> Any:
            raise NotImplementedError

    _watched(_SageMakerContainer, _Volume(*spec["watch"]))
    session = LocalSession()
    session.config = {"local": {"local_code": True, "container_root": spec["root"]}}
    estimator = Script(
        image_uri=spec["image"],
        role=ROLE,
        instance_count=1,
        instance_type="local_gpu" if spec["gpus"] else "local",
        source_dir=spec["source"],
        entry_point=spec["entry"],
        hyperparameters=spec["hyperparameters"],
        environment=spec["environment"],
        output_path="file://" + os.path.join(spec["root"], "made"),
        sagemaker_session=session,
    )
    os.makedirs(os.path.join(spec["root"], "made"))
    estimator.fit({name: "file://" + path for name, path in spec["channels"].items()} or None, wait=True, logs="All")


def _watched(container: Any, volume: Any) -> None:
    """One volume more than the SDK has by itself: for what watches the script."""
    volumes = container._prepare_training_volumes

    def with_one_more(self: Any, *args: Any, **kwargs: Any) -> Any:
        return [*volumes(self, *args, **kwargs), volume]

    container._prepare_training_volumes = with_one_more


def _keep(root: str, kept: str) -> None:
    """Put what the SDK has collected where it is looked for: v3 leaves folders, v2 archives."""
    for name in ("model", "output"):
        folder = os.path.join(root, "artifacts", name)
        if os.path.isdir(folder):
            shutil.copytree(folder, os.path.join(kept, name), dirs_exist_ok=True, symlinks=True)
    for folder, _, files in os.walk(os.path.join(root, "made")):
        for name in ("model", "output"):
            if name + ".tar.gz" in files:
                with tarfile.open(os.path.join(folder, name + ".tar.gz")) as archive:
                    archive.extractall(os.path.join(kept, name))


if __name__ == "__main__":
    main()
