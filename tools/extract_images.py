"""Remake ``migrate/job/data/images.json`` from the image tables of the SageMaker Python SDK v3.

    python tools/extract_images.py FOLDER

FOLDER is ``sagemaker/core/image_uri_config`` of an installed ``sagemaker-core``; its JSON is read as it lies, nothing is imported.
The extract travels in the default install, so that the SDK (445 MB and more) is not needed to choose an image.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "migrate" / "job" / "data" / "images.json"
FRAMEWORKS = ("pytorch", "tensorflow", "mxnet", "chainer", "xgboost", "sklearn", "huggingface")
KEPT = ("repository", "py_versions", "processors", "container_version", "tag_prefix")


class Registries:
    """The tables of region to account, each kept once."""

    def __init__(self) -> None:
        self.tables: list[dict[str, str]] = []

    def index(self, table: dict[str, str]) -> int:
        """The place of ``table`` in the list, added if it is new."""
        ordered = dict(sorted(table.items()))
        if ordered not in self.tables:
            self.tables.append(ordered)
        return self.tables.index(ordered)


def image_of(raw: dict[str, Any], registries: Registries) -> dict[str, Any]:
    """One image's entry: what its URI is made from."""
    unknown = {key for key in raw if key not in KEPT} - {"registries", "processor_in_tag"}
    if unknown or raw.get("processor_in_tag", True) is not True:
        raise SystemExit(
            f"the SDK's tables have something new: {sorted(unknown) or 'processor_in_tag'}; read image_uris.py and teach images.py"
        )
    return {**{key: raw[key] for key in KEPT if key in raw}, "registries": registries.index(raw["registries"])}


def framework_of(document: dict[str, Any], registries: Registries) -> dict[str, Any]:
    """The training images of one framework, by version; those of Hugging Face by version and base framework."""
    scope = document.get("training", document)
    versions: dict[str, Any] = {}
    for version, raw in scope["versions"].items():
        if "repository" in raw:
            versions[version] = image_of(raw, registries)
        elif all(re.fullmatch(r"py\d+", key) for key in raw):
            versions[version] = {"by_py": {py: image_of(value, registries) for py, value in raw.items()}}
        else:
            bases = {base: value for base, value in raw.items() if base != "version_aliases"}
            versions[version] = {"by_base": {base: image_of(value, registries) for base, value in bases.items()}}
    return {"processors": scope.get("processors"), "aliases": scope.get("version_aliases", {}), "versions": versions}


def sdk_version(folder: Path) -> str:
    """The version of ``sagemaker-core`` that the folder belongs to, by its dist-info."""
    found = sorted(folder.parents[2].glob("sagemaker_core-*.dist-info"))
    return found[-1].name.split("-")[1].removesuffix(".dist") if found else "unknown"


def main() -> None:
    """Write the extract, with its source and date."""
    folder = Path(sys.argv[1]).resolve()
    registries = Registries()
    frameworks = {name: framework_of(json.loads((folder / f"{name}.json").read_text("utf-8")), registries) for name in FRAMEWORKS}
    source = f"sagemaker-core {sdk_version(folder)}, image_uri_config"
    document = {"source": source, "date": datetime.date.today().isoformat(), "registries": registries.tables, "frameworks": frameworks}
    TARGET.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(FRAMEWORKS)} frameworks, {len(registries.tables)} registry tables of {source}")


if __name__ == "__main__":
    main()
