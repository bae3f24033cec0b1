# ruff: noqa: E501 - texts stand on one line each
"""Terraform, CloudFormation, Docker, cloud-init and Python: facts, each with its line; broken and hostile files are problems."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.repo.ec2.model import Ec2Side
from migrate.repo.ec2.read import read_ec2
from migrate.repo.entries import Entry
from migrate.repo.tree import find_files

ENTRIES = (Entry("train.py", "pytorch", None, ("train.py",), ("",)),)

TERRAFORM = """\
provider "aws" { region = var.region }
variable "region" {
  default = "eu-west-1"
}
variable "type" { type = string }
variable "spot" { default = true }
locals {
  common = { team = "vision", Name = "train-${var.region}" }
}
data "aws_ami" "dl" {
  filter {
    name   = "name"
    values = ["Deep Learning AMI (Ubuntu 18.04) Version 44.0"]
  }
}
resource "aws_iam_instance_profile" "t" {
  name = "trainer-profile"
}
resource "aws_instance" "trainer" {
  count                  = 2
  ami                    = data.aws_ami.dl.id
  instance_type          = var.type
  iam_instance_profile   = aws_iam_instance_profile.t.name
  subnet_id              = "subnet-0abc1234"
  vpc_security_group_ids = ["sg-0a", aws_security_group.x.id]
  root_block_device {
    volume_size = 300
    kms_key_id  = "alias/data"
  }
  dynamic "instance_market_options" {
    for_each = [1]
    content {
      market_type = "spot"
      spot_options { max_price = "1.2" }
    }
  }
  tags      = local.common
  user_data = <<-EOF
    #!/bin/bash
    mount -t efs ${aws_efs_file_system.d.id}:/ /mnt/efs
    aws s3 sync s3://${var.region}-data/x /data/$${USER}
    python train.py --data /data --lr 0.5
  EOF
}
resource "aws_instance" "never" {
  count         = var.spot ? 0 : 1
  instance_type = "c5.large"
}
"""

STACK = """\
Parameters:
  Type: {Type: String, Default: p3.2xlarge}
  Spot: {Type: String, Default: 'true'}
  Key: {Type: String}
Conditions:
  UseSpot: !Equals [!Ref Spot, 'true']
Resources:
  Profile:
    Type: AWS::IAM::InstanceProfile
    Properties: {Roles: [trainer-role]}
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        InstanceType: !Ref Type
        ImageId: ami-0123
        IamInstanceProfile: {Name: !Ref Profile}
        InstanceMarketOptions: !If [UseSpot, {MarketType: spot}, !Ref AWS::NoValue]
        BlockDeviceMappings:
          - Ebs: {VolumeSize: 200, KmsKeyId: !Ref Key}
        NetworkInterfaces:
          - {SubnetId: subnet-1, Groups: [sg-1]}
        UserData:
          Fn::Base64: !Sub |
            #!/bin/bash
            aws s3 cp s3://${AWS::StackName}-in/d /d --recursive
            python train.py --type ${Type} --home ${!HOME}
"""


@pytest.fixture
def side(make):
    def read(files: dict[str, str]) -> Ec2Side:
        return read_ec2(find_files(make(files)), ENTRIES)

    return read


def test_terraform(side) -> None:
    found = side({"infra/main.tf": TERRAFORM, "infra/terraform.tfvars": 'type = "p3.2xlarge"\n', "infra/dev.tfvars": 'type = "t2.nano"\n'})
    (machine,) = found.machines
    assert (machine.by, machine.line, machine.count.value, machine.volume.value, machine.spot.value) == (
        "aws_instance.trainer",
        19,
        2,
        300,
        True,
    )
    assert [(fact.value, fact.place) for fact in machine.instance_types] == [("p3.2xlarge", "infra/terraform.tfvars:1")]
    assert (machine.ami.value, machine.ami.line) == ("Deep Learning AMI (Ubuntu 18.04) Version 44.0", 13)
    assert (machine.profile.value, machine.max_price.value) == ("trainer-profile", "1.2")
    assert [fact.value for fact in machine.security_groups] == ["sg-0a", "aws_security_group.x.id"]
    assert {name: fact.value for name, fact in machine.tags} == {"team": "vision", "Name": "train-eu-west-1"}
    assert [fact.value for fact in found.regions] == ["eu-west-1"]
    assert [(each.argv, each.line) for each in found.starts] == [(("--data", "/data", "--lr", "0.5"), 42)]
    assert [(each.s3, each.local, each.line) for each in found.transfers] == [("s3://eu-west-1-data/x", "/data/${USER}", 41)]
    assert [(each.kind, each.point, each.identifier, each.line) for each in found.mounts] == [("efs", "/mnt/efs", None, 40)]


def test_terraform_modules_and_files(side) -> None:
    found = side(
        {
            "main.tf": 'module "m" {\n  source = "./mod"\n  types = ["g5.xlarge", "g5.2xlarge"]\n}\n',
            "mod/m.tf": 'variable "types" {}\nresource "aws_spot_instance_request" "x" {\n  instance_type = var.types\n  user_data = templatefile("${path.module}/ud.tftpl", { lr = "0.3" })\n}\n',
            "mod/ud.tftpl": "#!/bin/bash\npython train.py --lr ${lr} --n ${n}\n",
        }
    )
    (machine,) = found.machines
    assert ([fact.value for fact in machine.instance_types], machine.spot.value) == (["g5.xlarge", "g5.2xlarge"], True)
    assert (machine.user_data.value, machine.instance_types[0].place) == ("mod/ud.tftpl", "main.tf:3")
    assert [(each.argv, each.path, each.line) for each in found.starts] == [(("--lr", "0.3", "--n", "${n}"), "mod/ud.tftpl", 2)]


@pytest.mark.parametrize("as_json", [False, True])
def test_cloudformation(side, as_json: bool) -> None:
    text = STACK
    if as_json:
        text = text.replace("!Ref Type\n", "{Ref: Type}\n")
    found = side({"infra/stack.yaml": text})
    (machine,) = found.machines
    assert [(fact.value, fact.line) for fact in machine.instance_types] == [("p3.2xlarge", 2)]
    assert (machine.profile.value, machine.spot.value, machine.volume.value, machine.ami.value) == ("trainer-role", True, 200, "ami-0123")
    assert [[fact.value for fact in facts] for facts in (machine.subnets, machine.security_groups, machine.kms_keys)] == [
        ["subnet-1"],
        ["sg-1"],
        ["Key"],
    ]
    assert [(each.argv, each.line, each.unset) for each in found.starts] == [(("--type", "p3.2xlarge", "--home", "${HOME}"), 27, ("HOME",))]
    assert [(each.s3, each.complete) for each in found.transfers] == [("s3://${AWS_StackName}-in/d", False)]


def test_a_template_in_json(side) -> None:
    text = json.dumps(
        {
            "Resources": {
                "A": {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "p2.xlarge", "Tags": [{"Key": "a", "Value": "b"}]}}
            }
        },
        indent=1,
    )
    (machine,) = side({"cfn/template.json": text}).machines
    assert (machine.instance_types[0].value, machine.tags[0][0], machine.tags[0][1].value) == ("p2.xlarge", "a", "b")


def test_what_is_no_template_is_passed_over(side) -> None:
    assert not side(
        {"config.yaml": "lr: 1\nnote: 'AWS:: Resources'\n", "data.json": '{"AWS::": "Resources"}', "a.yml": "- AWS::\n- Resources\n"}
    )


def test_dockerfile_and_compose(side) -> None:
    found = side(
        {
            "Dockerfile": 'ARG V=1.8\nFROM pytorch/pytorch:${V} AS base\nENV A=1 API_TOKEN=abc\nENV B two words\nFROM base\nENV C=3\nWORKDIR /app\nENTRYPOINT ["python", "train.py"]\nCMD ["--lr", "0.1"]\n',
            "docker-compose.yml": "services:\n  t:\n    image: me/img:${TAG:-2}\n    environment:\n      - LR=0.2\n    command: python train.py --x $$HOME\n  u:\n    image: other\n    command: [python, train.py, --y, 'a b']\n",
        }
    )
    assert [(fact.value, fact.place) for fact in found.images] == [
        ("pytorch/pytorch:1.8", "Dockerfile:2"),
        ("me/img:2", "docker-compose.yml:3"),
        ("other", "docker-compose.yml:8"),
    ]
    told = {(each.path, each.line): each for each in found.starts}
    assert told["Dockerfile", 8].argv == ("--lr", "0.1") and told["Dockerfile", 8].environment == (("C", "3"),)
    assert told["docker-compose.yml", 9].argv == ("--y", "a b")
    assert "abc" not in repr(found)


def test_cloud_init(side) -> None:
    text = "#cloud-config\nmounts:\n - [ fs-0123abcd.efs.us-east-1.amazonaws.com:/, /efs, nfs4, 'ro,_netdev' ]\nruncmd:\n - cd /home/ubuntu/p\n - [ python, train.py, --lr, '1' ]\n - aws s3 cp out s3://b/out --recursive\n"
    mime = 'Content-Type: multipart/mixed; boundary="//"\nMIME-Version: 1.0\n\n--//\nContent-Type: text/cloud-config\n\n#cloud-config\nruncmd: []\n\n--//\n\n#!/bin/bash\npython train.py --mime\n--//--\n'
    found = side({"user-data.txt": text, "user_data.sh": mime})
    assert sorted((each.path, each.line, each.argv, each.folder) for each in found.starts) == [
        ("user-data.txt", 6, ("--lr", "1"), "/home/ubuntu/p"),
        ("user_data.sh", 13, ("--mime",), ""),
    ]
    assert [(each.identifier, each.read_only, each.line) for each in found.mounts] == [("fs-0123abcd", True, 3)]
    assert [(each.after, each.into) for each in found.transfers] == [(("train.py",), False)]


def test_python_that_starts_machines_and_moves_data(side) -> None:
    found = side(
        {
            "start.py": """\
import os, subprocess, argparse, boto3
TYPE = "p3.2xlarge"
HERE = os.path.dirname(os.path.abspath(__file__))
p = argparse.ArgumentParser()
p.add_argument("--price", default="0.9")
p.add_argument("--on-demand", action="store_true")
args = p.parse_args()
USER_DATA = '''#!/bin/bash
python train.py --lr 0.1
'''
ec2 = boto3.client("ec2", region_name="us-west-2")
common = dict(ImageId="ami-1", InstanceType=TYPE, SubnetId="subnet-1")
ec2.run_instances(MinCount=1, MaxCount=3, UserData=USER_DATA, IamInstanceProfile={"Name": "prof"}, **common)
cmd = ["aws", "ec2", "run-instances", "--instance-type", "g4dn.xlarge", "--image-id", f"ami-{2}"]
if not args.on_demand:
    cmd.extend(["--instance-market-options", f"file://{HERE}/spot.json"])
subprocess.run(cmd)
s3 = boto3.resource("s3")
bucket = s3.Bucket("data")
bucket.download_file("a/train.npz", "/tmp/train.npz")
boto3.client("s3").upload_file("out.pt", "results", f"{args.name}/out.pt")
os.system("sudo shutdown -h now")
ec2.terminate_instances(InstanceIds=["i-1"])
""",
            "spot.json": '{"MarketType": "spot", "SpotOptions": {"MaxPrice": "1.5"}}',
            "other.py": "def run_instances(): pass\nrun_instances()\nmodel.download_file('x')\n",
        }
    )
    first, second = found.machines
    assert ([f.value for f in first.instance_types], first.count.value, first.ami.value, first.profile.value) == (
        ["p3.2xlarge"],
        3,
        "ami-1",
        "prof",
    )
    assert first.spot is None and [(f.value, f.line) for f in first.subnets] == [("subnet-1", 12)]
    assert (second.instance_types[0].value, second.ami.value, second.spot.value, second.max_price.value) == (
        "g4dn.xlarge",
        "ami-2",
        True,
        "1.5",
    )
    assert [(each.argv, each.line) for each in found.starts] == [(("--lr", "0.1"), 9)]
    assert [(each.s3, each.local, each.into, each.complete) for each in found.transfers] == [
        ("s3://data/a/train.npz", "/tmp/train.npz", True, True),
        ("s3://results/{args.name}/out.pt", "out.pt", False, False),
    ]
    assert sorted(habit.kind for habit in found.habits) == ["shutdown", "terminate"]
    assert [fact.value for fact in found.regions] == ["us-west-2"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.tf", 'resource "aws_instance" "x" {\n instance_type = "p3.2xlarge\n'),
        ("stack.yaml", "Resources:\n  A: {Type: AWS::EC2::Instance, Properties: {\n"),
        ("stack.yml", "Resources: &a\n  AWS::x: *a\n  b: [*a, *a, *a]\n"),
        ("docker-compose.yml", "services: [\n"),
        ("run.sh", "python train.py 'x\n"),
    ],
)
def test_broken_files_are_problems(side, path: str, text: str) -> None:
    (problem,) = side({path: text}).problems
    assert problem.path == path and problem.reason


def test_an_endless_document_ends(side) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert side({"stack.yaml": bomb + "Resources: *i\nx: AWS::\n"}).problems


HOSTILE = st.text(alphabet="\"'${}()[]<>|&;=\n\t#!*?\\%: -é{{aws_instance:Ref!SubEOF", max_size=50)


@settings(max_examples=150, deadline=None)
@given(HOSTILE)
def test_no_text_breaks_a_reader(text: str) -> None:
    from pathlib import Path

    from migrate.repo.ec2 import cloudformation, docker, makefile, mounts, readme, terraform, units, userdata
    from migrate.repo.ec2.collect import Collector
    from migrate.repo.ec2.machines import shorthand
    from migrate.repo.tree import Tree

    collector = Collector(Tree(Path("/nowhere"), None, ("train.py", "a.tf")), frozenset({"train.py"}))
    collector.sources["a.tf"] = f'resource "aws_instance" "x" {{\n{text}\n}}'
    terraform.read(collector, ["a.tf"])
    cloudformation.read(collector, "s.yaml", f"Resources:\n  A: {{Type: AWS::EC2::Instance, Properties: {text}}}")
    docker.dockerfile(collector, "Dockerfile", f"FROM a\n{text}\nCMD {text}")
    docker.compose(collector, "c.yml", f"services: {text}")
    userdata.follow(collector, "u", f"#cloud-config\nruncmd: {text}")
    list(makefile.recipes(f"a:\n\t{text}"))
    list(readme.snippets(text))
    mounts.fstab(text, "fstab")
    units.unit(text)
    shorthand(text, 1)
