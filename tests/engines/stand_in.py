"""An image that stands in for the official ones in a build, where no registry and no network is: pip installs from a folder in it.

It is the image of the tests (image.py) with what official images hold of the fixtures' needs (accelerate, XGBoost), and a folder of
wheels that PyPI was asked for once, outside. apt-get does nothing in it: the packages of a system cannot be had there, and are taken for
installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from tests.environments import ROOT, python_of

REQUIREMENTS = ROOT / "tests" / "requirements" / "images.txt"
XGBOOST = "xgboost==3.2.0"
CHAINER = ("chainer==7.8.1", "cupy-cuda11x==12.3.0", "fastrlock==0.8.4", "scipy==1.11.4")
CHAINER_BUILD = ROOT / "tests" / "requirements" / "chainer-build.txt"
# 300 MB that XGBoost asks pip for, and opens on several GPUs only: its name alone.
_NO_NCCL = "Metadata-Version: 2.1\nName: nvidia-nccl-cu12\nVersion: 2.28.0\n"
_FILES = {
    "Dockerfile": "FROM {base}\nCOPY wheels /wheels\nENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels PIP_ROOT_USER_ACTION=ignore\n"
    "COPY apt-get /usr/bin/apt-get\nCOPY libgomp.so.1 /usr/local/lib/\n"
    "COPY METADATA {packages}/nvidia_nccl_cu12-2.28.0.dist-info/METADATA\n"
    f"RUN pip install --no-cache-dir accelerate && pip install --no-cache-dir --no-deps {XGBOOST}\n",
    "apt-get": '#!/bin/sh\necho "apt-get $*" >> /var/log/apt-get.txt\n',
    "METADATA": _NO_NCCL,
}
_PACKAGES = f"/usr/local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def name(base: str) -> str:
    """The image's name: another one for every other content."""
    digest = hashlib.sha256(base.encode() + Path(__file__).read_bytes() + REQUIREMENTS.read_bytes() + CHAINER_BUILD.read_bytes())
    return f"migrate-tests-builds:{digest.hexdigest()[:12]}"


def make(base: str, folder: Path) -> None:
    """Make the image on top of ``base``, if it is not there. The wheels are kept in ``folder``."""
    tag = name(base)
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True).returncode == 0:
        return
    download(folder)
    words = ["docker", "build", "--quiet", "--force-rm", "--tag", tag, "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as building:
        assert building.stdin is not None
        with tarfile.open(fileobj=building.stdin, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for path, text in _FILES.items():
                data = text.replace("{base}", base).replace("{packages}", _PACKAGES).encode()
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(data), 0o755
                archive.addfile(info, BytesIO(data))
            archive.add(folder, "wheels")
            archive.add(os.path.realpath(libgomp()), "libgomp.so.1")
        building.stdin.close()
    if building.returncode:
        raise RuntimeError(f"the stand-in image cannot be built: exit code {building.returncode}")


def libgomp() -> str:
    """The system's OpenMP library, which LightGBM is linked with."""
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return next(line.rpartition(" => ")[2] for line in known.splitlines() if line.strip().startswith("libgomp.so.1 "))


def download(folder: Path) -> None:
    """Fetch from PyPI what is not in ``folder`` yet. Chainer has no wheel, and cannot be asked its name without its old setuptools."""
    pip = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(folder))
    chainer = python_of("chainer")
    environment = os.environ | {"PYTHONNOUSERSITE": "1"}
    for python, what in (
        (sys.executable, ("-r", str(REQUIREMENTS))),
        (sys.executable, (XGBOOST,)),
        (chainer, ("-r", str(CHAINER_BUILD))),
        (chainer, ("--no-build-isolation", *CHAINER)),
    ):
        subprocess.run([str(python), *pip, *what], check=True, env=environment, stdout=sys.stderr)
