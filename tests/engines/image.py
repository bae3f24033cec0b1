"""A training image made on this machine, with no registry: this Python, a few programs of the system, some installed packages.

It holds PyTorch and the sagemaker-training toolkit with all that they need, as they are installed in the Python that runs this; ``train``
starts jobs in it as in SageMaker's own images.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from packaging.requirements import Requirement

# fmt: off
_PROGRAMS = (
    "bash", "sh", "env", "cat", "ls", "mkdir", "rm", "cp", "mv", "chmod", "chown", "ln", "touch", "head", "tail", "tr", "date", "sleep",
    "uname", "hostname", "grep", "sed", "find", "id", "nproc", "mktemp", "dirname", "basename", "readlink", "tee", "sort", "wc", "cut",
    "kill", "true", "false", "which",
)
# fmt: on
_FOLDERS = ("etc", "home", "mnt", "opt/ml", "proc", "sys", "dev", "run", "srv", "var/log", "usr/bin", "usr/sbin")
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "usr/local/bin/train": "#!/usr/local/bin/python3\nfrom sagemaker_training.cli.train import main\nmain()\n",
    "usr/local/bin/pip3": "#!/usr/local/bin/python3\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n",
}
_DISTRIBUTIONS = ("sagemaker-training", "torch", "pip")
# Large, and imported by nobody here.
_NOT_NEEDED = ("scipy",)
_LEFT_OUT = re.compile(r"(^|/)(tests?|idlelib|tkinter|ensurepip|site-packages|config-3[^/]*)(/|$)|\.(a|pyi)$")
_SETTINGS = (
    "ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 LD_LIBRARY_PATH=/usr/local/lib",
    "WORKDIR /",
)


def name() -> str:
    """The image's name: another one for every other content."""
    digest = hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes())
    for distribution in _needed():
        digest.update(f"{distribution.name}=={distribution.version}".encode())
    return f"migrate-tests:{digest.hexdigest()[:12]}"


def make(name: str) -> None:
    """Make the image, if there is none of that name."""
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0:
        return
    changes = [word for setting in _SETTINGS for word in ("--change", setting)]
    with subprocess.Popen(["docker", "import", *changes, "-", name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as importing:
        assert importing.stdin is not None
        with tarfile.open(fileobj=importing.stdin, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            _fill(archive)
        importing.stdin.close()
    if importing.returncode:
        raise RuntimeError(f"docker import ended with exit code {importing.returncode}")


def _fill(archive: tarfile.TarFile) -> None:
    files = dict(_python()) | dict(_packages()) | dict(_programs())
    for folder in _FOLDERS:
        _add(archive, folder, tarfile.DIRTYPE, mode=0o755)
    for folder in ("tmp", "var/tmp"):
        _add(archive, folder, tarfile.DIRTYPE, mode=0o1777)
    _add(archive, "root", tarfile.DIRTYPE, mode=0o700)
    for link in ("bin", "sbin", "lib", "lib64"):
        _add(archive, link, tarfile.SYMTYPE, target=f"usr/{link}")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for link, target in (("python3", version), ("python", version), ("pip", "pip3")):
        _add(archive, f"usr/local/bin/{link}", tarfile.SYMTYPE, target=target)
    for name, text in _TEXTS.items():
        _add(archive, name, tarfile.REGTYPE, data=text.encode(), mode=0o755 if "/bin/" in name else 0o644)
    for library in sorted(_libraries(files.values())):
        files[f"usr/lib/{library.name}" if "ld-linux" not in library.name else f"usr/lib64/{library.name}"] = library
    for name, source in sorted(files.items()):
        info = archive.gettarinfo(os.path.realpath(source), name)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.type, info.linkname = tarfile.REGTYPE, ""  # two names of one file are two files
        info.size = os.stat(source).st_size
        with open(source, "rb") as handle:
            archive.addfile(info, handle)


def _add(archive: tarfile.TarFile, name: str, kind: bytes, *, data: bytes = b"", target: str = "", mode: int = 0o777) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), target, mode
    archive.addfile(info, BytesIO(data))


def _python() -> Iterator[tuple[str, Path]]:
    """The interpreter and its standard library, moved to /usr/local, where official images have theirs."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    yield f"usr/local/bin/{version}", Path(sys.executable).resolve()
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        base = Path(folder.replace(sys.prefix, sys.base_prefix, 1))
        for path in base.rglob("*"):
            name = path.relative_to(base).as_posix()
            if path.is_file() and not _LEFT_OUT.search(name):
                yield f"usr/local/lib/{version}/{name}", path
    for path in Path(sys.base_prefix, "lib").glob("libpython3*.so*"):
        yield f"usr/local/lib/{path.name}", path


def _packages() -> Iterator[tuple[str, Path]]:
    target = f"usr/local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    for distribution in _needed():
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if not file.as_posix().startswith("..") and path.is_file() and not _unneeded(file.as_posix()):
                yield f"{target}/{file.as_posix()}", path


def _unneeded(name: str) -> bool:
    """What is large and nobody imports: headers, linker's libraries, the files that tests and documentation need."""
    return name.endswith((".a", ".pyi")) or name.startswith(("torch/include/", "torch/share/", "torch/bin/test"))


def _needed() -> list[importlib.metadata.Distribution]:
    """The distributions and all that they require, as installed here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(_DISTRIBUTIONS)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or name in _NOT_NEEDED:
            continue
        found[name] = importlib.metadata.distribution(name)
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return list(found.values())


def _programs() -> Iterator[tuple[str, Path]]:
    for name in _PROGRAMS:
        path = shutil.which(name)
        if path:
            yield f"usr/bin/{name}", Path(path)


def _libraries(files: Iterable[Path]) -> set[Path]:
    """The system's libraries that the files are linked with."""
    linked = [str(path) for path in files if ".so" in path.name or (os.access(path, os.X_OK) and not path.suffix)]
    told = subprocess.run(["xargs", "-0", "ldd"], input="\0".join(linked), capture_output=True, text=True).stdout
    found = re.findall(r"=> (/(?:usr/)?lib\S*)", told) + re.findall(r"^\s+(/lib\S*/ld-linux\S+)", told, re.MULTILINE)
    return {Path(path) for path in found}
