"""Which package a missing module most likely comes from, where the names differ."""

from __future__ import annotations

_PACKAGES = {
    "cv2": "opencv-python-headless",
    "PIL": "Pillow",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "PyYAML",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "jwt": "PyJWT",
    "lightning_fabric": "lightning",
    "MeCab": "mecab-python3",
    "OpenSSL": "pyOpenSSL",
    "pkg_resources": "setuptools",
    "serial": "pyserial",
    "slugify": "python-slugify",
    "wx": "wxPython",
    "zmq": "pyzmq",
    "attr": "attrs",
    "fitz": "PyMuPDF",
    "Levenshtein": "python-Levenshtein",
    "mpl_toolkits": "matplotlib",
    "pl_bolts": "lightning-bolts",
    "faiss": "faiss-cpu",
    "tree": "dm-tree",
    "umap": "umap-learn",
    "hydra": "hydra-core",
    "ruamel": "ruamel.yaml",
}


def package_of(module: str) -> str:
    """The name to give to pip for a missing top-level module; its own name where no better is known."""
    top = module.partition(".")[0]
    return _PACKAGES.get(module) or _PACKAGES.get(top) or top.replace("_", "-")
