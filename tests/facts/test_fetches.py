"""What a script gets from the internet, as far as that is sure."""

from __future__ import annotations

import pytest

from migrate.facts.arguments import find_arguments
from migrate.facts.habits.fetches import find_fetches
from tests.facts.programs import program_of

IMPORTS = """\
import os, subprocess
import keras, timm, torchvision
import torchvision.models as models
from tensorflow.examples.tutorials.mnist import input_data
from datasets import load_dataset
from torchvision import datasets
from transformers import AutoModel
from keras.applications import VGG16
"""


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("datasets.CIFAR10('d', download=True)", "CIFAR10"),
        ("models.resnet18(pretrained=True)", "the weights of resnet18"),
        ("models.resnet18(weights=models.ResNet18_Weights.DEFAULT)", "the weights of resnet18"),
        ("models.segmentation.fcn_resnet50(weights='DEFAULT')", "the weights of fcn_resnet50"),
        ("timm.create_model('vit_base', pretrained=True)", "the weights of vit_base"),
        ("AutoModel.from_pretrained('bert-base-uncased')", "'bert-base-uncased'"),
        ("AutoModel.from_pretrained('org/model')", "'org/model'"),
        ("VGG16()", "the weights of VGG16"),
        ("keras.datasets.mnist.load_data()", "keras.datasets.mnist"),
        ("load_dataset('glue', 'mrpc')", "datasets.load_dataset"),
        ("input_data.read_data_sets('d')", "MNIST"),
        ("subprocess.run(['wget', 'https://example.org/x.zip'])", "wget"),
    ],
)
def test_it_is_fetched(code: str, what: str) -> None:
    program = program_of({"train.py": IMPORTS + code + "\n"})
    assert [fetch.what for fetch in find_fetches(program, find_arguments(program))] == [what]


@pytest.mark.parametrize(
    "code",
    [
        "datasets.CIFAR10('d', download=args.download)",
        "datasets.ImageFolder('d')",
        "models.resnet18()",
        "models.resnet18(weights=None)",
        "AutoModel.from_pretrained(args.model)",
        "AutoModel.from_pretrained('./out/model')",
        "AutoModel.from_pretrained('bert', local_files_only=True)",
        "VGG16(weights=None)",
        "load_dataset('json', data_files='rows.json')",
        "load_dataset(args.data)",
        "load_dataset('./rows')",
        "VGG16(weights='vgg.h5')",
        "other.create_model('x', pretrained=True)",
        "subprocess.run(['curl', 'http://169.254.169.254/latest/meta-data/'])",
        "subprocess.run(['git', 'rev-parse', 'HEAD'])",
    ],
)
def test_it_is_not_or_nobody_knows(code: str) -> None:
    program = program_of({"train.py": IMPORTS + code + "\n"})
    assert find_fetches(program, find_arguments(program)) == []
