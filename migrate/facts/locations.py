"""Path texts: normal forms, splitting, and the words in a name that tell what a path is for."""

from __future__ import annotations

import posixpath
import re

REMOTE = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://")
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
MODEL_ENDINGS = tuple(
    """
    .pth .pt .tar .ckpt .h5 .hdf5 .model .params .npz .joblib .onnx .keras .caffemodel .weights .bin .safetensors
    .pb .tflite .mlmodel .bst .json.gz
    """.split()
)
LOG_ENDINGS = (".log",)
PATH_WORDS = frozenset(
    """
    dir dirs directory path paths folder folders root roots file files filename fname out output outputs save
    saved log logs logdir ckpt checkpoint checkpoints data dataset datadir datapath dataroot outdir outf savedir
    savepath prefix result results corpus csv json weights snapshot snapshots runs workdir cache vocab images imgs
    labels annotations tmp
    """.split()
)
DATA_WORDS = {
    "data",
    "dataset",
    "datasets",
    "input",
    "inputs",
    "corpus",
    "images",
    "imgs",
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "test",
    "annotation",
    "annotations",
    "labels",
    "dataroot",
    "datadir",
    "datapath",
}
MODEL_WORDS = {
    "model",
    "models",
    "weight",
    "weights",
    "ckpt",
    "ckpts",
    "checkpoint",
    "checkpoints",
    "snapshot",
    "snapshots",
    "best",
    "pretrained",
    "net",
    "network",
    "encoder",
    "decoder",
    "generator",
    "discriminator",
}
LOG_WORDS = {"log", "logs", "logdir", "tensorboard", "runs", "tb", "logging", "summaries", "summary", "events"}
SPLITS = (
    ("test", {"test", "testing", "tst"}),
    ("validation", {"val", "valid", "validation", "dev", "eval"}),
    ("train", {"train", "training", "trn"}),
)


SYSTEM = re.compile(r"^(?:[A-Za-z]:[\\/]|/(?:etc|proc|sys|dev|usr|bin|sbin|lib|lib64|boot|run|var/(?:log|lib|run|cache|spool))(?:/|$))")


def is_system(text: str) -> bool:
    """Whether a path is a part of the operating system, or of Windows: no data of the job's stand there."""
    return SYSTEM.match(text) is not None


def words(text: str) -> set[str]:
    """The lower-case words of an identifier or a path: ``trainDir``, ``train_dir`` and ``--train-dir`` hold train and dir."""
    found = {w.lower() for w in WORD.findall(text)}
    return found | {w.lower() for w in re.split(r"[^A-Za-z0-9]+", text) if w}


def split_of(names: set[str]) -> str | None:
    """train, test or validation, when the words name exactly one of them."""
    hits = [name for name, marks in SPLITS if names & marks]
    return hits[0] if len(hits) == 1 else None


def normal(text: str) -> str:
    """``./a//b/`` -> ``a/b``; an absolute or home path keeps its start; the working folder is ``""``."""
    absolute = text.startswith("/")
    parts: list[str] = []
    for part in text.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return ("/" if absolute else "") + "/".join(parts)


def folder_of(location: str) -> str:
    """The folder that holds ``location`` (a normal form): ``""`` for a name in the working folder, ``/`` at the top."""
    head, slash, _ = location.rpartition("/")
    return head if head or not slash else "/"


def is_below(location: str, root: str) -> bool:
    """Whether ``location`` is ``root`` or stands under it. Nothing stands under the working folder as such."""
    if root == "":
        return location == ""
    return location == root or location.startswith(root.rstrip("/") + "/")


def may_be_below(location: str, root: str) -> bool:
    """Whether ``location`` may be ``root`` or stand under it; ``*`` is what is not known of a name."""
    parts, wanted = location.split("/"), root.split("/")
    return len(parts) >= len(wanted) and all(a == b or "*" in a or "*" in b for a, b in zip(parts, wanted, strict=False))


def is_trivial(location: str) -> bool:
    """Folders that hold everything: sharing one of them says nothing about two paths."""
    parts = [p for p in location.split("/") if p not in ("", "..", "~")]
    return not parts or (
        location.startswith(("/", "~")) and len(parts) <= (2 if parts[0] in ("home", "Users", "mnt", "data", "media") else 1)
    )


def split_at(text: str, base: str) -> tuple[str, str | None] | None:
    """Split the spelling ``text`` after the folder ``base`` (a normal form), so that ``os.path.join(folder, rest) == text``.

    ``rest`` is None when the text is the folder itself; ``""`` when it only has a slash more. None when no exact split exists.
    """
    if base == "":
        if text in (".", "./", ""):
            return text, None
        return "", text
    if normal(text) == base and not text.endswith("/"):
        return text, None
    for position, letter in enumerate(text):
        if letter == "/" and position and normal(text[:position]) == base:
            folder, rest = text[:position], text[position + 1 :]
            exact = not rest.startswith("/") and posixpath.join(folder, rest) == text
            return (folder, rest) if exact else None
    return None


def is_file_like(location: str) -> bool:
    """Whether the last component has an ending that a file has."""
    last = location.rsplit("/", 1)[-1]
    return bool(re.search(r"\.[A-Za-z][A-Za-z0-9]{0,8}$", last)) or "*" in last


def kind_of(kind: str, text: str, names: set[str]) -> str:
    """What is written: the call's own word for it, or, for ``text``, what the ending and the words of the path and its names say."""
    if kind not in ("text", "config"):
        return kind
    lower = text.lower()
    found = words(text) | names
    if lower.endswith(LOG_ENDINGS) or (found & LOG_WORDS and not found & MODEL_WORDS):
        return "log"
    if lower.endswith((".txt", ".csv", ".json", ".png", ".jpg", ".yaml", ".yml", ".md", ".npy", ".html", ".jsonl", ".wav")):
        return "data"
    if lower.endswith(MODEL_ENDINGS) or found & {
        "model",
        "models",
        "weights",
        "ckpt",
        "checkpoint",
        "checkpoints",
        "snapshot",
        "snapshots",
    }:
        return "model"
    return "data"
