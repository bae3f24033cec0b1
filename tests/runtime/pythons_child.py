"""Run by each Python that is found, from 3.6 on: reads cases on stdin, writes what the hook and argparse make of them."""

import argparse
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
import sagemaker_support

NAMED = {"int": int, "float": float, "bool": bool, "eval": eval, "list": list}
NAMED["BooleanOptionalAction"] = getattr(argparse, "BooleanOptionalAction", None)


def keyword(name, value):
    return NAMED[value] if name in ("type", "action") and value in NAMED else value


def answer(case):
    parser = argparse.ArgumentParser(prog="train.py")
    for names, kwargs in case["calls"]:
        parser.add_argument(*names, **{name: keyword(name, value) for name, value in kwargs.items()})
    sys.argv = ["train.py"] + case["argv"]
    os.environ.clear()
    os.environ.update(case["environ"])
    return vars(sagemaker_support.parse_args(parser))


print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
