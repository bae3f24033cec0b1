"""notify.yaml: linted, its rule held against events, and its Lambda run on each of them with a Slack that answers here."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.events.models import EventPattern

from tests.generate.events import ARN, EVENTS, NAME, event
from tests.generate.small import entry_point, write
from tests.generate.templates import filled, lint, read


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("notify")
    write(root)
    return root / "sagemaker_job" / "notify.yaml"


def code_of(template: Path) -> str:
    code = read(template)["Resources"]["Function"]["Properties"]["Code"]["ZipFile"]
    assert isinstance(code, str)
    return code


def test_it_is_a_clean_template(template: Path) -> None:
    assert lint(template) == ""


def test_the_lambda_fits_into_the_template(template: Path) -> None:
    assert len(code_of(template)) <= 4096  # what CloudFormation takes inline


@pytest.mark.parametrize("project", ["A b'c", 'x"\n- !Ref {{y}} ${z}', "数据", "-" * 70])
def test_hostile_names_stay_texts(tmp_path: Path, project: str) -> None:
    from migrate.generate import generate

    [file] = [file for file in generate(tmp_path, [entry_point()], project=project).files if file.path.endswith("notify.yaml")]
    path = tmp_path / "notify.yaml"
    path.write_bytes(file.content)
    assert lint(path) == ""
    assert set(read(path)["Resources"]) == {"Rule", "Allow", "Topic", "Seen", "Log", "Role", "Function"}


def pattern(template: Path, prefix: str = "demo", statuses: tuple[str, ...] = ("Completed", "Failed", "Stopped")) -> dict[str, Any]:
    rule = read(template)["Resources"]["Rule"]["Properties"]["EventPattern"]
    made = filled(rule, {"JobPrefix": prefix, "Statuses": list(statuses)})
    assert isinstance(made, dict)
    return made


def told(template: Path, happened: dict[str, Any], **more: Any) -> bool:
    """Whether the rule takes an event; moto knows no ``$or``, so each of its sides is asked."""
    rule = pattern(template, **more)
    sides = rule["detail"].pop("$or")
    return any(EventPattern.load(json.dumps({**rule, "detail": {**rule["detail"], **side}})).matches_event(happened) for side in sides)


def test_the_rule_itself_filters_by_status(template: Path) -> None:
    assert [status for status, happened in EVENTS.items() if told(template, happened)] == ["Completed", "Failed", "Stopped"]
    assert told(template, EVENTS["InProgress"], statuses=("InProgress",))
    assert told(template, event("InProgress", "Interrupted"))
    assert not told(template, event("Completed", TrainingJobName="other-20240101"))
    assert told(template, event("Completed", TrainingJobName="other-20240101"), prefix="")


class Slack(HTTPServer):
    """Takes what is posted; ``status`` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[str] = []
        self.status = 200

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T000/B000/WEBHOOK"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Slack)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.posted.append(body["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Stack:
    """The template's function in an account of moto's. ``described`` is what DescribeTrainingJob says; None: it is refused."""

    def __init__(self, template: Path, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.described: dict[str, Any] | None = {}
        self.topic = boto3.client("sns", "us-east-1").create_topic(Name="told")["TopicArn"]
        secret = boto3.client("secretsmanager", "us-east-1").create_secret(Name="slack", SecretString=f"{slack.webhook}\n")["ARN"]
        table = read(template)["Resources"]["Seen"]["Properties"]
        needed = {key: table[key] for key in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        boto3.client("dynamodb", "us-east-1").create_table(TableName="seen", **needed)
        self.variables = {"SEEN": "seen", "TOPIC": self.topic, "SLACK_SECRET": secret}
        for name, value in {**self.variables, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        real = botocore.client.BaseClient._make_api_call

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if operation != "DescribeTrainingJob":
                return real(client, operation, parameters)
            assert parameters == {"TrainingJobName": NAME}
            if self.described is None:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
            return self.described

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
        self.module: dict[str, Any] = {}
        exec(compile(code_of(template), "index.py", "exec"), self.module)

    def send(self, happened: dict[str, Any]) -> None:
        self.module["handler"](happened, None)

    @property
    def mails(self) -> list[tuple[str, str]]:
        from moto.backends import get_backend

        sent = get_backend("sns")[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[self.topic].sent_notifications
        return [(subject, message) for _, message, subject, *_ in sent]


@pytest.fixture
def stack(template: Path, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with mock_aws():
        yield Stack(template, slack, monkeypatch)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("InProgress", "InProgress"),
        ("Completed", "Completed"),
        ("Failed", "Failed"),
        ("Stopping", "Stopping"),
        ("Stopped", "reached its longest run time"),
    ],
)
def test_each_status_is_told_both_ways(stack: Stack, slack: Slack, status: str, said: str) -> None:
    stack.send(EVENTS[status])
    [(subject, message)] = stack.mails
    assert subject == f"{NAME} {said}"
    [text] = slack.posted
    assert f"|{NAME}> {said}" in text
    for told in (message, text):
        assert "ml.p3.2xlarge" in told
        assert ("ran 2 h 3 min" in told) == (status in ("Completed", "Failed", "Stopped"))
        assert f"region=us-east-1#/jobs/{NAME}" in told


def test_a_failure_comes_with_its_stack_trace_which_breaks_no_markup(stack: Stack, slack: Slack) -> None:
    stack.send(EVENTS["Failed"])
    [text] = slack.posted
    assert text.count("```") == 2
    assert "CUDA out of memory: &lt;unk&gt; &amp; '''" in text
    assert 'File "train.py", line 12' in text
    assert "CUDA out of memory: <unk>" in stack.mails[0][1]


def test_the_savings_of_spot(stack: Stack, slack: Slack) -> None:
    stack.described = {"EnableManagedSpotTraining": True, "TrainingTimeInSeconds": 7380, "BillableTimeInSeconds": 2214}
    stack.send(EVENTS["Completed"])
    assert "spot: billed 0 h 36 min, saved 70 %" in slack.posted[0]


def test_what_never_got_capacity_says_so_and_divides_by_nothing(stack: Stack, slack: Slack) -> None:
    stack.described = {"EnableManagedSpotTraining": True, "TrainingTimeInSeconds": 0, "BillableTimeInSeconds": 0}
    stack.send(event("Stopped", "MaxWaitTimeExceeded"))
    assert "waited too long for spot capacity" in slack.posted[0]
    assert "saved" not in slack.posted[0]


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        ({"creator": "U012ABCDEF"}, "<@U012ABCDEF>"),
        ({"Owner": "ann"}, " ann\n"),
        ({"creator": "<!channel>"}, "&lt;!channel&gt;"),
        ({}, "(no tag creator)"),
    ],
)
def test_it_speaks_to_the_creator(stack: Stack, slack: Slack, tags: dict[str, str], shown: str) -> None:
    stack.send(event("Completed", Tags=tags))
    assert shown in slack.posted[0]


def test_an_event_that_comes_again_is_told_once_and_each_interruption(stack: Stack, slack: Slack) -> None:
    for happened in [EVENTS["Completed"], {**EVENTS["Completed"], "id": "another"}]:
        stack.send(happened)
    assert (len(slack.posted), len(stack.mails)) == (1, 1)
    for modified in ("1", "1", "2"):
        stack.send(event("InProgress", "Interrupted", LastModifiedTime=modified))
    assert len(slack.posted) == 3
    assert "taken back" in slack.posted[2]


def test_when_slack_is_down_mail_goes_out_once_and_the_webhook_is_in_no_message(stack: Stack, slack: Slack) -> None:
    slack.status = 500
    with pytest.raises(RuntimeError) as caught:
        stack.send(EVENTS["Failed"])
    assert "WEBHOOK" not in repr(caught.getrepr(chain=True))
    assert str(caught.value) == "Slack: 500"
    slack.status = 200
    stack.send(EVENTS["Failed"])
    assert (len(slack.posted), len(stack.mails)) == (1, 1)


def test_a_secret_that_is_no_address_is_not_shown(stack: Stack, slack: Slack) -> None:
    boto3.client("secretsmanager", "us-east-1").put_secret_value(SecretId="slack", SecretString="{broken WEBHOOK}")
    with pytest.raises(RuntimeError, match=r"^Slack: ValueError$"):
        stack.send(EVENTS["Failed"])


def test_only_what_is_wanted_is_used(stack: Stack, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC", "")
    stack.described = None
    stack.send(EVENTS["Completed"])
    assert (len(slack.posted), len(stack.mails)) == (1, 0)
    assert ARN in read_keys()


def read_keys() -> str:
    return str(boto3.client("dynamodb", "us-east-1").scan(TableName="seen")["Items"])


def test_terraform_says_the_same(tmp_path: Path, template: Path) -> None:
    """Parsed, and compared with the template: no provider is at hand that would check it."""
    import tree_sitter
    import tree_sitter_hcl

    write(tmp_path, extras=["terraform"])
    text = (tmp_path / "sagemaker_job" / "notify.tf").read_text()
    tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language())).parse(text.encode())
    assert not tree.root_node.has_error
    assert '".terraform", "*.tfstate"' in (tmp_path / "sagemaker_job" / "job.toml").read_text()
    kinds = re.findall(r'^resource "(\w+)"', text, re.MULTILINE)
    assert len(kinds) == 10
    assert {"aws_cloudwatch_event_rule", "aws_lambda_function", "aws_sns_topic", "aws_dynamodb_table"} <= set(kinds)
    inside = text.partition("<<-PYTHON\n")[2].partition("    PYTHON\n")[0]
    code = "".join(line[6:] if line.strip() else "\n" for line in inside.splitlines(True)).replace("$${", "${").replace("%%{", "%{")
    assert code == code_of(template)
    events = pattern(template)
    assert f"detail-type = {json.dumps(events['detail-type'])}" in text
    assert f"{{ SecondaryStatus = {json.dumps(events['detail']['$or'][1]['SecondaryStatus'])} }}" in text
