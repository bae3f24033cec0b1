"""Metric definitions are made of the script's own formats, and hold for what Python makes of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrate.facts.metrics import LONGEST, MOST, find_metrics
from migrate.job.validate import pattern_matches
from tests.rules.harness import program_of


def metrics(source: str, **others: str) -> dict[str, str]:
    program = program_of({"train.py": source, **{f"{name}.py": text for name, text in others.items()}})
    return {metric.name: metric.regex for metric in find_metrics(program)}


def taken(regex: str, text: str) -> str | None:
    match = re.search(regex, text)
    return match.group(1) if match else None


# a statement that prints, with the names that it needs; what it prints is run, and each metric has to take its own value out of it
PRINTS = {
    "f-string": ('print(f"epoch {epoch}: loss {loss:.4f}, accuracy {acc:.2%}")', {"loss": "0.1235", "accuracy": "91.00"}),
    "format": ('print("Train Epoch: {} [{}/{} ({:.0f}%)]\\tLoss: {:.6f}".format(epoch, 3, 9, 33.0, loss))', {"train_loss": "0.123456"}),
    "format by name": ('print("{n} {l:.3e}  acc={a}".format(n=epoch, l=loss, a=acc))', {"acc": "0.91"}),
    "percent": ('print("epoch %d valid %.5f" % (epoch, loss))', {"validation": "0.12346"}),
    "percent by name": ('print("loss: %(x)8.3f acc: %(y)s" % {"x": loss, "y": acc})', {"loss": "0.123", "acc": "0.91"}),
    "commas": ('print("epoch", epoch, "loss", loss, "val_acc:", round(acc, 1))', {"loss": "0.123456", "validation_acc": "0.9"}),
    "separator": ('print("loss", loss, acc, sep="=")', {"loss": "0.123456"}),
    "addition": ('print("test loss: " + str(loss) + ", accuracy: " + "%.1f" % acc)', {"test_loss": "0.123456", "test_accuracy": "0.9"}),
    "a name": ('line = "| loss {:5.2f} | ppl {:8.2f}".format(loss, 33.1)\nprint(line)', {"loss": "0.12", "ppl": "33.10"}),
    "several lines": ('print("\\nTest set: Average loss: {:.4f}\\nnext {}".format(loss, 1))', {"test_loss": "0.1235"}),
    "join": ('print("\\t".join(["Loss %.3f" % loss, f"Acc@1 {acc:6.2f}"]))', {"loss": "0.123", "acc_1": "0.91"}),
    "count and share": (
        'print("Test: Accuracy: {}/{} ({:.1f}%)".format(7, 9, 77.8))',
        {"test_accuracy": "77.8"},
    ),
    "value and average": ('print("Loss {:.4f} ({:.3f})".format(loss, acc))', {"loss": "0.1235", "loss_2": "0.910"}),
    "a time in brackets": ('print("step {:d} - loss = {:.3f}, ({:.3f} sec/step)".format(epoch, loss, 2.5))', {"loss": "0.123"}),
    "a share of the loss": (
        'import math\nprint("| loss {:.2f} | pplx {:>7.2f}, bpc {:>7.4f}".format(loss, math.exp(loss), loss / math.log(2)))',
        {"loss": "0.12", "pplx_loss": "1.13", "bpc": "0.1781"},
    ),
    "before a speed": ('print("loss {:.2f} samples/s {:.1f}".format(loss, 33.1))', {"loss": "0.12"}),
    "unlabelled": ('print("%d %.5f" % (epoch, loss), "epoch")', {}),
    "its own name": ('print(f"epoch {epoch}: {loss:.5f}")', {"loss": "0.12346"}),
    "not Latin": ('print(f"損失,{loss:.4f}")', {"loss": "0.1235"}),
    "special characters": ('print(f"[loss] (x+y)*z = {loss:.3f} $")', {"loss": "0.123"}),
}


@pytest.mark.parametrize("name", PRINTS)
def test_takes_its_own_value_out_of_what_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, expected = PRINTS[name]
    exec(code, {"epoch": 3, "loss": 0.123456, "acc": 0.91})
    lines = capsys.readouterr().out.splitlines()
    found = {}
    for metric, regex in metrics(f"epoch, loss, acc = 3, make(), make()\n{code}\n").items():
        values = [value for line in lines if (value := taken(regex, line)) is not None]
        assert len(values) == 1, (metric, regex, lines)
        found[metric] = values[0]
    assert found == expected


def test_loggers_and_bars() -> None:
    source = """
import logging
logger = logging.getLogger(__name__)
for step, batch in (bar := tqdm(loader)):
    logger.info("step %d train loss %.4f", step, loss)
    logger.debug("hidden loss %.4f", loss)
    bar.set_postfix(loss=loss.item(), acc=f"{acc:.3f}")
    bar.set_postfix({"nll": nll})
    bar.set_description(f"ppl {ppl:.2f}")
    tqdm.write("psnr %.2f" % psnr)
"""
    found = metrics(source)
    assert list(found) == ["train_loss", "acc", "loss", "nll", "ppl", "psnr"]
    assert taken(found["train_loss"], "INFO:__main__:step 3 train loss 0.2500") == "0.2500"
    bar = " 50%|#####     | 5/10 [00:01<00:01, 4.21it/s, acc=0.500, loss=1.2e-05]"
    assert taken(found["loss"], bar) == "1.2e-05"
    assert taken(found["acc"], bar) == "0.500"


def test_what_is_written_to_a_file_is_not_printed() -> None:
    source = """
import sys
from sys import stderr
with open("log.csv", "w") as file:
    file.write("mse,%.6f" % mse)
    print(f"mae {mae:.3f}", file=file)
log.file.write(f"rmse {rmse:.3f}")
sys.stdout.write(f"loss {loss:.3f}")
print(f"acc {acc:.3f}", file=stderr)
with tqdm(loader) as bar:
    bar.write(f"ppl {ppl:.2f}")
"""
    assert list(metrics(source)) == ["loss", "acc", "ppl"]


def test_a_tensor_that_is_printed_whole() -> None:
    regex = metrics('print("loss:", loss)')["loss"]
    assert taken(regex, "loss: tensor(0.1234, device='cuda:0', grad_fn=<NllLossBackward0>)") == "0.1234"
    assert taken(regex, "loss: 0.1234") == "0.1234"
    assert taken(regex, "loss: nan") is None


def test_a_function_that_prints_what_it_is_given() -> None:
    helper = "def log(message):\n    print(message)\n"
    assert list(metrics('from helper import log\nlog(f"val loss {x:.3f}")\n', helper=helper)) == ["validation_loss"]


def test_two_lines_with_one_label_are_told_apart() -> None:
    found = metrics('def train():\n    print(f"train: loss {a:.3f}")\ndef test():\n    print(f"test: loss {b:.3f}")\ntrain()\ntest()\n')
    assert set(found) == {"train_loss", "test_loss"}
    assert taken(found["train_loss"], "train: loss 1.000") == "1.000"
    assert taken(found["train_loss"], "test: loss 1.000") is None
    assert taken(found["test_loss"], "test: loss 1.000") == "1.000"


@pytest.mark.parametrize(
    "code",
    [
        'print("epoch %d of %d" % (epoch, epochs))',
        'print(f"{n_train} train rows; {n_test} test rows")',
        'print("lr {:.5f} time {:.3f}".format(lr, seconds))',
        'try:\n    run()\nexcept OSError as err:\n    print(f"could not read: {err}")',
        'print("loading the loss weights")',
        'print(f"loss {loss:,}")',
        "print(*losses)",
        'print("Phase {} unknown".format(name))',
        "print(loss)",
        'if False:\n    pass\ndef unused():\n    print("loss %.3f" % loss)',
    ],
)
def test_what_is_no_metric(code: str) -> None:
    assert metrics(code) == {}


def test_no_more_than_the_service_takes() -> None:
    many = "\n".join(f'print(f"loss_{number} {{x:.3f}}")' for number in range(60))
    assert len(metrics(many)) == MOST
    long = f'print(f"{"words " * 120}{{epoch}} {{loss:.3f}}")'
    assert all(len(regex) <= LONGEST for regex in metrics(long).values())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(before=TEXT, between=TEXT, after=TEXT)
@example(before="loss (", between=") [", after="]")
@example(before="loss\\", between=".*?", after="$")
@example(before="loss\x85", between="\u2028 acc", after="")
def test_whatever_a_format_holds_its_metrics_hold(before: str, between: str, after: str) -> None:
    before, between, after = (text.replace("%", "%%") for text in (before, between, after))
    template = f"{before} loss %.4f{between} acc %d{after}"
    code = f"print({template!r} % (loss, acc))"
    printed = template % (0.25, 7)
    for name, regex in metrics(code).items():
        assert len(regex) <= LONGEST and pattern_matches(".+", name) and "\n" not in regex
        hits = [value for line in re.split(r"[\r\n]+", printed) if (value := taken(regex, line)) is not None]
        assert hits == ["0.2500" if "loss" in name else "7"], (name, regex, printed)


def test_the_last_value_of_a_meter_is_none_of_validation() -> None:
    source = "def train(losses):\n    print('Train: loss {loss.val:.4f} ({loss.avg:.4f})'.format(loss=losses))\ntrain(1)\n"
    assert set(metrics(source)) == {"train_loss", "train_loss_avg"}
    apart = "def run(scores):\n    print('loss {:.4f}'.format(scores.loss.val))\nrun(1)\n"
    assert set(metrics(apart)) == {"validation_loss"}


@pytest.mark.parametrize(
    "source",
    [
        "def train(amp: bool):\n    print(f'Mixed precision: {amp}')\ntrain(True)\n",
        "import os\npath = os.path.join('a', 'b')\nprint('best acc weights file: {}'.format(path))\n",
        "try:\n    x = 1\nexcept ValueError as e:\n    print(f'loss failed: loss {e}')\n",
    ],
)
def test_what_is_known_to_be_no_number_is_no_metric(source: str) -> None:
    assert metrics(source) == {}


METERS = """
class AverageMeter(object):
    def __init__(self, name, fmt=":f"):
        self.name = name
        self.fmt = fmt
        self.val = self.avg = 0.25

    def __str__(self):
        {body}


class ProgressMeter(object):
    def __init__(self, batches, *meters):
        self.meters = meters

    def display(self, batch):
        entries = ["[%d/10]" % batch]
        entries += [str(meter) for meter in self.meters]
        print("\\t".join(entries))


def train():
    times = AverageMeter("Time", ":6.3f")
    losses = AverageMeter("Loss", ":.4e")
    top = AverageMeter("Acc@1", ":6.2f")
    ProgressMeter(10, times, losses, top).display(3)


def validate():
    losses = AverageMeter("Loss", ":.4e")
    print("Test: ", losses)
    print(" * Acc@1 {:.3f}".format(losses.avg))


train()
validate()
"""


@pytest.mark.parametrize(
    "body",
    [
        "fmtstr = '{name} {val' + self.fmt + '} ({avg' + self.fmt + '})'\n        return fmtstr.format(**self.__dict__)",
        "return ('{} {val' + self.fmt + '} ({avg' + self.fmt + '})').format(self.name, val=self.val, avg=self.avg)",
    ],
)
def test_meters_that_format_themselves(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = METERS.replace("{body}", body)
    exec(source, {})
    written, tested, at_the_end = capsys.readouterr().out.splitlines()
    found = metrics(source)
    assert {name: value for name, regex in found.items() if (value := taken(regex, written)) is not None} == {
        "loss": "2.5000e-01",
        "loss_avg": "2.5000e-01",
        "train_acc_1": "0.25",  # the average: what is printed at the end has the same words before it
    }
    assert [name for name, regex in found.items() if taken(regex, at_the_end) is not None] == ["acc_1"]
    assert taken(found["loss"], tested) == "2.5000e-01"


def test_a_meter_with_a_form_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    source = """
class Meter:
    def __init__(self, label, digits=".3f"):
        self.label, self.value = label, 0.5
        self.digits = digits
    def __str__(self):
        return f"mean psnr: {self.value:{self.digits}}"
class Plain:
    def __str__(self):
        if self.count:
            return "loss 1"
        return f"loss {self.sum:.3f}"
class Never:
    def __str__(self):
        return f"mse {self.sum:.3f}"
print(Meter("x"), 7)
print(Plain)
"""
    exec(source, {})
    found = metrics(source)
    assert {name: taken(regex, capsys.readouterr().out) for name, regex in found.items()} == {"psnr": "0.500"}
