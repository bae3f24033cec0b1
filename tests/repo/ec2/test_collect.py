# ruff: noqa: E501 - scripts stand on one line each
"""Facts out of shell: starts through wrappers, transfers, mounts, machines, habits."""

from __future__ import annotations

import pytest

from migrate.repo.ec2.model import Command, Ec2Side
from migrate.repo.ec2.read import read_ec2
from migrate.repo.entries import Entry
from migrate.repo.tree import find_files

ENTRIES = tuple(Entry(path, "pytorch", None, (path,), ("",)) for path in ("train.py", "src/fit.py"))


@pytest.fixture
def side(make):
    def read(files: dict[str, str] | str) -> Ec2Side:
        return read_ec2(find_files(make(files if isinstance(files, dict) else {"run.sh": files})), ENTRIES)

    return read


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torchrun --nproc_per_node=8 --nnodes 2 train.py --a 1", {"processes": 8, "nodes": 2}),
        ("torchrun --nproc-per-node=gpu --nnodes=1:4 train.py --a 1", {"processes": None, "nodes": 4}),
        ("python -m torch.distributed.launch --nproc_per_node 4 train.py --a 1", {"processes": 4}),
        ("python3 -m torch.distributed.run --nproc_per_node=2 train.py --a 1", {"processes": 2}),
        ("accelerate launch --num_processes 8 --num_machines 2 train.py --a 1", {"processes": 4, "nodes": 2}),
        ("deepspeed --num_gpus=4 --num_nodes=2 train.py --a 1", {"processes": 4, "nodes": 2}),
        (
            "mpirun -np 16 -H a:8,b:8 -x NCCL_DEBUG=INFO python train.py --a 1",
            {"processes": 8, "nodes": 2, "environment": (("NCCL_DEBUG", "INFO"),)},
        ),
        ("horovodrun -np 4 -H localhost:4 python train.py --a 1", {"processes": 4, "nodes": 1}),
        ("srun -N 2 --ntasks-per-node=4 python train.py --a 1", {"processes": 4, "nodes": 2}),
        ("CUDA_VISIBLE_DEVICES=0,1 nohup python train.py --a 1 > log 2>&1 &", {"gpus": "0,1", "detached": "nohup"}),
        ("tmux new-session -d -s t 'python train.py --a 1'", {"detached": "tmux"}),
        ("tmux send-keys -t t 'cd code && python train.py --a 1' C-m", {"detached": "tmux", "folder": "code"}),
        ("screen -dmS t python train.py --a 1", {"detached": "screen"}),
        ('sudo -H -u ubuntu bash -c "source activate pt; python train.py --a 1"', {"conda": "pt"}),
        ("su - ubuntu -c 'python train.py --a 1'", {}),
        ("ssh -i k.pem ubuntu@$HOST 'cd code; python train.py --a 1'", {"folder": "~/code"}),
        ("conda run -n tf2 --no-capture-output python train.py --a 1", {"conda": "tf2"}),
        ("source ~/venv/bin/activate && python train.py --a 1", {"conda": "venv"}),
        (
            "docker run --rm --gpus all -e LR=3 -v $(pwd):/w -w /w my/image:1 python train.py --a 1",
            {"image": "my/image:1", "environment": (("LR", "3"),)},
        ),
        ("nvidia-docker run -it --name x img bash -c 'cd /w && python train.py --a 1'", {"image": "img", "folder": "/w"}),
        ("time timeout 5h nice -n 10 python -u train.py --a 1", {}),
        ("env A=b python train.py --a 1", {"environment": (("A", "b"),)}),
        ("sbatch --wrap='python train.py --a 1'", {"detached": "sbatch"}),
        ("(crontab -l; echo '0 2 * * * cd /home/ubuntu/x && python train.py --a 1') | crontab -", {"detached": "cron"}),
        ("poetry run python train.py --a 1", {}),
        ("cd /home/ubuntu/project && python train.py --a 1", {"folder": "/home/ubuntu/project"}),
        ('eval "python train.py --a 1"', {}),
        ("CMD='python train.py'; $CMD --a 1", {}),
        ("export A=b; python train.py --a 1", {"environment": (("A", "b"),)}),
    ],
)
def test_a_start_through_what_stands_around_it(side, line: str, expected: dict[str, object]) -> None:
    (start,) = side(line).starts
    assert (start.entry, start.argv, start.complete, start.line) == ("train.py", ("--a", "1"), True, 1)
    assert {name: getattr(start, name) for name in expected} == expected


@pytest.mark.parametrize(
    "line",
    [
        "python train.py --help",
        "python train.py -h",
        "echo python train.py",
        "pip install train.py",
        "python -c 'import train'",
        "grep train.py x",
        "python other.py train.py",
        "rm train.py",
        "kill $(pgrep -f train.py)",
    ],
)
def test_what_starts_nothing(side, line: str) -> None:
    assert side(line).starts == ()


def test_arguments_come_from_the_script_that_calls(side) -> None:
    found = side(
        {"run.sh": "LR=${1:-0.1}\npython train.py --lr $LR --out $2\n", "all.sh": "for i in 1 2; do\n  bash run.sh 0.$i out$i\ndone\n"}
    )
    assert [(each.path, each.line, each.argv) for each in found.starts] == [
        ("run.sh", 2, ("--lr", "0.1", "--out", "out1")),
        ("run.sh", 2, ("--lr", "0.2", "--out", "out2")),
    ]


def test_slurm_directives_hold_for_the_script(side) -> None:
    (start,) = side("#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=8\n#SBATCH --gres=gpu:8\nsrun python train.py\n").starts
    assert (start.nodes, start.processes, start.detached) == (2, 8, "sbatch")


def test_sourced_settings_are_known(side) -> None:
    (start,) = side({"env.sh": "DATA=/mnt/data\n", "run.sh": "source env.sh\npython train.py --data $DATA/x\n"}).starts
    assert start.argv == ("--data", "/mnt/data/x")


def test_data_in_before_and_results_out_after(side) -> None:
    found = side(
        "B=s3://b/x\naws s3 sync $B/data ./data --quiet\npython train.py\naws s3 cp --recursive out/ $B/out --region eu-west-1\naws s3 cp s3://b/a s3://b/c\naws s3 ls\n"
    )
    assert [(t.s3, t.local, t.into, t.recursive, t.before, t.after, t.line) for t in found.transfers] == [
        ("s3://b/x/data", "./data", True, True, ("train.py",), (), 2),
        ("s3://b/x/out", "out/", False, True, (), ("train.py",), 4),
    ]
    assert [fact.value for fact in found.regions] == ["eu-west-1"]


def test_mounts_of_commands_and_of_fstab(side) -> None:
    found = side(
        {
            "user_data.sh": "mount -t nfs4 -o nfsvers=4.1,ro fs-0123abcd.efs.us-east-1.amazonaws.com:/data /mnt/efs\n"
            "sudo mount -t efs -o tls fs-deadbeef:/ /efs\n"
            "mount -t lustre -o noatime fs-0011aabb.fsx.eu-west-1.amazonaws.com@tcp:/abcdef /fsx\n"
            "echo 'fs-11112222:/ /mnt/two efs _netdev,ro 0 0' >> /etc/fstab\nmount /dev/xvdb /data\nmount-s3 bucket /mnt/s3 --read-only --prefix a/\nmount -a\n",
            "etc/fstab": "# c\nLABEL=root / ext4 defaults 0 0\nfs-33334444.efs.us-west-2.amazonaws.com:/x /e nfs4 defaults 0 0\n",
        }
    )
    assert [(m.kind, m.identifier, m.directory, m.point, m.read_only, m.region) for m in found.mounts] == [
        ("efs", "fs-0123abcd", "/data", "/mnt/efs", True, "us-east-1"),
        ("efs", "fs-deadbeef", "/", "/efs", False, None),
        ("lustre", "fs-0011aabb", "/", "/fsx", False, "eu-west-1"),
        ("efs", "fs-11112222", "/", "/mnt/two", True, None),
        ("ebs", "/dev/xvdb", "/", "/data", False, None),
        ("s3", "bucket", "/a", "/mnt/s3", True, None),
        ("efs", "fs-33334444", "/x", "/e", False, "us-west-2"),
    ]
    assert found.mounts[2].mount_name == "abcdef"


def test_a_machine_of_the_command_line(side) -> None:
    (machine,) = side(
        "aws ec2 run-instances --image-id ami-1 --count 2 --instance-type p3.8xlarge --security-group-ids sg-1 sg-2 --subnet-id subnet-1 \\\n"
        " --iam-instance-profile Name=trainer --instance-market-options 'MarketType=spot,SpotOptions={MaxPrice=1.5}' \\\n"
        " --block-device-mappings 'DeviceName=/dev/sda1,Ebs={VolumeSize=500,KmsKeyId=key-1}' --region us-west-2 \\\n"
        " --tag-specifications 'ResourceType=instance,Tags=[{Key=team,Value=vision},{Key=api_token,Value=x}]' --user-data file://ud.sh\n"
    ).machines
    assert [fact.value for fact in machine.instance_types] == ["p3.8xlarge"]
    assert (machine.count.value, machine.ami.value, machine.spot.value, machine.max_price.value) == (2, "ami-1", True, "1.5")
    assert (machine.profile.value, machine.region.value, machine.volume.value, machine.user_data.value) == (
        "trainer",
        "us-west-2",
        500,
        "ud.sh",
    )
    assert [[f.value for f in facts] for facts in (machine.security_groups, machine.subnets, machine.kms_keys)] == [
        ["sg-1", "sg-2"],
        ["subnet-1"],
        ["key-1"],
    ]
    assert [(name, fact.value) for name, fact in machine.tags] == [("team", "vision")]


def test_a_spot_request_with_its_file(side) -> None:
    spec = '{"ImageId": "ami-2", "InstanceType": "p2.xlarge", "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/x"}, "Placement": {"AvailabilityZone": "us-east-1a"}}'
    (machine,) = side(
        {"run.sh": "aws ec2 request-spot-instances --spot-price 0.5 --launch-specification file://spec.json\n", "spec.json": spec}
    ).machines
    assert (machine.spot.value, machine.max_price.value, machine.profile.value) == (True, "0.5", "arn:aws:iam::1:instance-profile/x")
    assert (machine.instance_types[0].value, machine.zone.value) == ("p2.xlarge", "us-east-1a")


def test_habits(side) -> None:
    found = side(
        "ID=$(curl -s http://169.254.169.254/latest/meta-data/instance-id)\ncurl http://169.254.169.254/latest/meta-data/spot/instance-action\n"
        "curl -X POST -d '{}' https://hooks.slack.com/services/T0/B0/xyz\naws ec2 terminate-instances --instance-ids $ID\nsudo shutdown -h now\n"
    )
    assert sorted((habit.kind, habit.line) for habit in found.habits) == [
        ("metadata", 1),
        ("shutdown", 5),
        ("slack", 3),
        ("spot-watcher", 2),
        ("terminate", 4),
    ]
    assert "xyz" not in str(found)


def test_secrets_are_not_kept(side) -> None:
    text = "export WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567\npython train.py --api-key s3cr3t --password=hunter2 --lr 1\n"
    found = side(text)
    assert not any(secret in repr(found) for secret in ("0123456789abcdef", "s3cr3t", "hunter2"))
    assert found.starts[0].argv == ("--api-key", "***", "--password=***", "--lr", "1")


def test_other_ways_to_write_a_command(side) -> None:
    found = side(
        {
            "Makefile": "LR ?= 0.1\nARGS = --lr $(LR)\ntrain:\n\t@cd src && python fit.py $(ARGS) --n $(N) $(shell nproc)\n",
            "crontab.txt": "# m h\n30 2 * * 1 ubuntu /usr/bin/python /home/ubuntu/p/train.py --nightly\nMAILTO=x\n",
            "train.service": '[Service]\nEnvironment=A=1 "B=x y"\nWorkingDirectory=/opt/p\nExecStart=/usr/bin/python train.py --unit\n',
            "train.timer": "[Timer]\nOnCalendar=daily\n",
        }
    )
    told = {each.path: each for each in found.starts}
    assert told["Makefile"].argv == ("--lr", "0.1", "--n", "${N}", "${make}")
    assert told["Makefile"].entry == "src/fit.py" and not told["Makefile"].complete
    assert (told["crontab.txt"].argv, told["crontab.txt"].detached) == (("--nightly",), "cron")
    assert (told["train.service"].argv, told["train.service"].environment) == (("--unit",), (("A", "1"), ("B", "x y")))
    assert [(each.when, each.line) for each in found.schedules] == [("30 2 * * 1", 2), ("daily", 2)]


def test_a_here_document_that_is_user_data(side) -> None:
    found = side(
        "BUCKET=b\ncat > ud.sh <<EOF\n#!/bin/bash\naws s3 sync s3://$BUCKET/d /data\npython train.py --d /data\nEOF\naws ec2 run-instances --instance-type g5.xlarge --user-data file://ud.sh\n"
    )
    assert [(each.argv, each.line) for each in found.starts] == [(("--d", "/data"), 5)]
    assert [(each.s3, each.line, each.before) for each in found.transfers] == [("s3://b/d", 4, ("train.py",))]


def test_broken_and_hostile_files_are_problems(side) -> None:
    found = side(
        {"run.sh": "python train.py 'unclosed\n", "b.sh": "\0\0python train.py\n", "README.md": '```\npython train.py --a "\n```\n'}
    )
    assert [(each.path, each.line) for each in found.problems] == [("run.sh", 1)]
    assert found.starts == ()


def test_two_scripts_that_call_each_other_end(side) -> None:
    side({"a.sh": "bash b.sh $1x\npython train.py\n", "b.sh": "bash a.sh $1y\nbash a.sh $1z\npython train.py\n"})


def test_the_command_of_a_user(side) -> None:
    (start,) = side("python train.py --a 1").starts
    assert start == Command("python train.py --a 1", ("--a", "1"), "run.sh", 1, launcher=("python",), entry="train.py", typed_in="")


def test_slurm_says_how_many_nodes_there_are(side) -> None:
    text = '#!/bin/bash\n#SBATCH --nodes=4\nexport L="accelerate launch --num_processes $((SLURM_NNODES * 2)) --num_machines $SLURM_NNODES --ip $(x y)"\nsrun $L train.py --a\n'
    (start,) = side(text).starts
    assert (start.nodes, start.processes, start.argv) == (4, 2, ("--a",))
