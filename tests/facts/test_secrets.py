"""Secrets in code and in files beside it: what is found, what is not, and that the patterns are detect-secrets' own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.facts.secrets import HIDDEN, hide, is_secret, names_a_secret, secrets_in_lines, secrets_of
from migrate.facts.secrets.texts import known_secrets
from tests.rules.harness import program_of
from tools.extract_secret_patterns import TARGET, extract

WANDB = "0123456789abcdef0123456789abcdef01234567"
# One of each kind, made up; put together here so that no scanner takes this file for a leak.
KEYS = {
    "AWS Access Key": "AKIA" + "QWERTYUIOPASDFGH",
    "Slack Token": "https://hooks.slack.com/services/" + "T0AAAAAAA/B0AAAAAAA/abcdefghijklmnop",
    "GitHub Token": "ghp_" + "abcdefghijABCDEFGHIJabcdefghij123456",
    "Hugging Face token": "hf_" + "abcdefghijABCDEFGHIJabcdefghij1234",
    "Basic Auth Credentials": "horse7battery",
    "OpenAI Token": "sk-" + "abcdefghijabcdefghij" + "T3BlbkFJ" + "abcdefghijabcdefghij",
}


def found_in(source: str) -> list[tuple[str | None, str, bool]]:
    return [(s.name, s.value, s.literal) for s in secrets_of(program_of({"train.py": source}).main)]


def test_the_patterns_are_those_of_detect_secrets() -> None:
    assert json.loads(TARGET.read_text("utf-8")) == extract(), "run tools/extract_secret_patterns.py"


@pytest.mark.parametrize("kind", KEYS)
def test_known_forms(kind: str) -> None:
    text = f"postgres://trainer:{KEYS[kind]}@host/db" if kind == "Basic Auth Credentials" else KEYS[kind]
    assert list(known_secrets(f'x = "{text}"')) == [(kind, KEYS[kind])]
    assert [value for _, value, _ in found_in(f"x = {text!r}\n")] == [KEYS[kind]]
    assert [secret.value for secret in secrets_in_lines("run.sh", f"run --x {text}\n")] == [KEYS[kind]]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("password = 'horse7battery'", "password"),
        ("self.db_password = 'horse7battery'", "db_password"),
        ("os.environ['WANDB_API_KEY'] = 'horse7battery'", "WANDB_API_KEY"),
        ("config = {'api_key': 'horse7battery'}", "api_key"),
        ("connect(password='horse7battery')", "password"),
        ("os.environ.get('DB_PASSWORD', 'horse7battery')", "DB_PASSWORD"),
        ("os.environ.get('DB_PASSWORD') or 'horse7battery'", "DB_PASSWORD"),
        ("parser.add_argument('-p', '--db-password', default='horse7battery')", "db-password"),
        ("def connect(host='localhost', dbPassword='horse7battery'): ...", "dbPassword"),
        ("def connect(*, secret_key='horse7battery'): ...", "secret_key"),
        ("wandb.login(key='horse7battery')", "wandb_api_key"),
    ],
)
def test_the_name_that_gives_it_away(source: str, name: str) -> None:
    assert found_in(source) == [(name, "horse7battery", True)]


@pytest.mark.parametrize(
    "source",
    [
        "password = ''",
        "password = None",
        "password = 'your-password-here'",
        "password = '<password>'",
        "password = '${PASSWORD}'",
        "api_key = 'WANDB_API_KEY'",
        "secret_key = '/run/secrets/key'",
        "private_key = 'id_rsa.pem'",
        "secret_name = 'prod/database1'",
        "key = 'resnet50_imagenet1k'",
        "token = 'segmentation1'",
        "pad_token = '[PAD]1234'",
        "if password == 'aaaaaaaa': ...",
        "'''password = horse'''",
        "AKIA = 'AKIAIOSFODNN7EXAMPLE'",
        "sha = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
        "url = 'https://download.pytorch.org/models/resnet50-0676ba61.pth'",
        "url = 'https://user@host/a:b'",
    ],
)
def test_look_alikes(source: str) -> None:
    assert found_in(source) == []


def test_comments_and_parts_of_texts_are_no_expressions() -> None:
    key = KEYS["AWS Access Key"]
    assert found_in(f"x = 1  # {key}\n") == [(None, key, False)]
    assert found_in(f"x = 'run {key} now'\n") == [("x", key, False)]
    assert found_in(f"x = f'{{host}} {key}'\n") == [(None, key, False)]


@pytest.mark.parametrize(
    ("path", "line", "name"),
    [
        ("run.sh", f"export WANDB_API_KEY={WANDB}", "WANDB_API_KEY"),
        ("run.sh", f"python train.py --epochs 3 --api-key {WANDB} --lr 0.1", "api-key"),
        ("run.sh", f"mysql -u root --password='{WANDB}' runs", "password"),
        ("Dockerfile", f"ENV HUB_TOKEN {WANDB}", "HUB_TOKEN"),
        ("compose.yml", f"  DB_PASSWORD: {WANDB}", "DB_PASSWORD"),
        ("a.ipynb", f'"os.environ[\\"WANDB_API_KEY\\"] = \\"{WANDB}\\"\\n",', "WANDB_API_KEY"),
        ("README.md", f"WANDB_API_KEY={WANDB} python train.py", "WANDB_API_KEY"),
    ],
)
def test_files_beside(path: str, line: str, name: str) -> None:
    [secret] = secrets_in_lines(path, f"first line\n{line}\n")
    assert (secret.name, secret.value, secret.place.span.line) == (name, WANDB, 2)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("run.sh", "export WANDB_API_KEY=$1"),
        ("run.sh", "export DB_PASSWORD=$(aws secretsmanager get-secret-value)"),
        ("ci.yml", "    secrets: inherit"),
        ("ci.yml", "    password: ${{ secrets.PASSWORD }}"),
        ("README.md", "the password: something you know"),
        ("README.md", "* `--aws_secret_access_key AWS_SECRET_ACCESS_KEY` (`str`)"),
        ("a.tf", "password = var.database_password"),
    ],
)
def test_look_alikes_beside(path: str, line: str) -> None:
    assert secrets_in_lines(path, line) == ()


def test_a_secret_does_not_show_itself() -> None:
    [secret] = secrets_in_lines("run.sh", f"export WANDB_API_KEY={WANDB}")
    assert WANDB not in repr(secret)
    assert hide(f"a {WANDB} b {WANDB}z", [WANDB]) == f"a {HIDDEN} b {HIDDEN}z"


def test_names() -> None:
    assert all(map(names_a_secret, ["WANDB_API_KEY", "dbPassword", "--hf-token", "slack.webhook.url", "secret", "apikey"]))
    assert not any(map(names_a_secret, ["secret_name", "token", "key", "keys", "n_tokens", "password_file", "passes", "monkey"]))
    assert is_secret("x", KEYS["GitHub Token"])
    assert not is_secret("x", 3)


def test_the_file_of_patterns_travels() -> None:
    assert Path(TARGET).is_relative_to(Path(__file__).resolve().parents[2] / "migrate")
