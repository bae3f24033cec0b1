"""Where a channel's data come from: copies and mounts of the EC2 side, followed to the folder that the script reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migrate.job.model import Channel, EntryPoint, Output
from migrate.job.sources import output_of, place, remarks, with_sources
from migrate.repo.ec2.model import Command, Ec2Side, Mount, Transfer
from tests.generate.small import entry_point


def copy(s3: str, local: str, into: bool = True, recursive: bool = True, folder: str = "", **more: object) -> Transfer:
    return Transfer(s3, local, into, recursive, "run.sh", 1, "aws s3 sync", folder=folder, **more)  # type: ignore[arg-type]


def mount(kind: str, identifier: str | None, directory: str, point: str, name: str | None = None) -> Mount:
    return Mount(kind, "x", identifier, directory, point, False, "ud.sh", 2, mount_name=name)


def source(default: str, side: Ec2Side, start: Command | None = None) -> str | None:
    entry = entry_point(channels=(Channel("training", default, "train.py", 1),))
    started = replace(side, starts=(start,)) if start is not None else side
    return with_sources(replace(entry, ec2=started), {})[0].source


@pytest.mark.parametrize(
    ("default", "moved", "expected"),
    [
        ("data", copy("s3://bucket/d", "./data/"), "s3://bucket/d"),
        ("data/train", copy("s3://bucket/d/", "data"), "s3://bucket/d/train"),
        ("/home/ubuntu/data", copy("s3://bucket/d", "~/data"), "s3://bucket/d"),
        ("~/data", copy("s3://bucket/d", "$HOME/data"), "s3://bucket/d"),
        ("/data", copy("s3://bucket/d/train.csv", "/data/", recursive=False), "s3://bucket/d"),
        ("/data/train.csv", copy("s3://bucket/d/train.csv", "/data/", recursive=False), "s3://bucket/d/train.csv"),
        ("/data/train.csv", copy("s3://bucket/d/other.csv", "/data/train.csv", recursive=False), "s3://bucket/d/other.csv"),
        ("/data", copy("s3://bucket/all/train", "/data/train"), "s3://bucket/all"),
        ("data", copy("s3://bucket/d", "data", folder="/opt/p"), None),
        ("/opt/p/data", copy("s3://bucket/d", "data", folder="/opt/p"), "s3://bucket/d"),
        # what is no source of it
        ("data", copy("s3://bucket/d", "other"), None),
        ("data", copy("s3://bucket/d", "data2"), None),
        ("data", copy("s3://bucket/d", "data", into=False), None),
        ("/data", copy("s3://bucket/images", "/data/train"), None),
        ("/data", copy("s3://bucket", "/data/bucket"), None),
        ("data", copy("s3://$B/d", "data", complete=False), None),
        ("data", copy("s3://bucket/{x}/d", "data"), None),
        ("$DATA", copy("s3://bucket/d", "$DATA"), None),
        ("", copy("s3://bucket/d", "."), None),
    ],
)
def test_copies(default: str, moved: Transfer, expected: str | None) -> None:
    assert source(default, Ec2Side(transfers=(moved,))) == expected


@pytest.mark.parametrize(
    ("default", "mounted", "expected"),
    [
        ("/mnt/efs/x", mount("efs", "fs-0123abcd", "/", "/mnt/efs"), "efs://fs-0123abcd/x"),
        ("/mnt/efs", mount("efs", "fs-0123abcd", "/sub/", "/mnt/efs"), "efs://fs-0123abcd/sub"),
        ("/fsx/x", mount("lustre", "fs-0123abcd", "/", "/fsx", "abcdef"), "fsx://fs-0123abcd/abcdef/x"),
        ("/s3/x", mount("s3", "bucket", "/p", "/s3"), "s3://bucket/p/x"),
        ("/mnt/other", mount("efs", "fs-0123abcd", "/", "/mnt/efs"), None),
        ("/mnt/efs/x", mount("efs", None, "/", "/mnt/efs"), None),
        ("/data/x", mount("ebs", "/dev/xvdb", "/", "/data"), None),
        ("/fsx/x", mount("lustre", "fs-0123abcd", "/", "/fsx"), None),
    ],
)
def test_mounts(default: str, mounted: Mount, expected: str | None) -> None:
    assert source(default, Ec2Side(mounts=(mounted,))) == expected


def test_two_places_that_disagree_are_no_source() -> None:
    assert source("data", Ec2Side(transfers=(copy("s3://bucket/one", "data"), copy("s3://bucket/two", "data")))) is None
    assert source("data", Ec2Side(transfers=(copy("s3://bucket/one", "data"), copy("s3://bucket/one/", "./data")))) == "s3://bucket/one"


def test_the_start_tells_the_folder_and_what_the_container_sees() -> None:
    start = Command("x", (), "run.sh", 1, folder="/opt/p", volumes=(("/mnt/d", "/data"), ("/opt/p/out", "/out")))
    assert (place("data", start), place("/data/x", start), place("/database", start)) == ("/opt/p/data", "/mnt/d/x", "/database")
    assert source("/data/x", Ec2Side(transfers=(copy("s3://bucket/d", "/mnt/d"),)), start) == "s3://bucket/d/x"


def test_the_value_that_the_start_gives_is_the_place() -> None:
    entry = entry_point(channels=(Channel("training", "data", "train.py", 1, option="--d", dest="d"),))
    side = Ec2Side(transfers=(copy("s3://bucket/d", "/big"),))
    assert with_sources(replace(entry, ec2=side), {"d": "/big/x"})[0].source == "s3://bucket/d/x"


def results(*moved: Transfer, outputs: tuple[Output, ...] = (Output("model", "out/model.pt", "train.py", 1),)) -> str | None:
    entry: EntryPoint = replace(entry_point(outputs=outputs), ec2=Ec2Side(transfers=moved))
    found = output_of(entry, {})
    return found.uri if found is not None else None


def test_results_go_where_ec2_copies_them() -> None:
    after = (entry_point().path,)
    assert results(copy("s3://bucket/r/", "out", into=False, after=after)) == "s3://bucket/r"
    assert (
        results(copy("s3://bucket/logs", "logs", into=False, after=after), copy("s3://bucket/r", "out", into=False, after=after))
        == "s3://bucket/r"
    )
    assert results(copy("s3://bucket/r/model.pt", "out/model.pt", into=False, recursive=False, after=after)) == "s3://bucket/r"
    assert results(copy("s3://bucket/r", "out", into=False)) is None
    assert results(copy("s3://bucket/$X", "out", into=False, after=after, complete=False)) is None


def test_what_no_channel_can_be_made_of_is_told() -> None:
    side = Ec2Side(
        transfers=(copy("s3://bucket/d.zip", "/data/", recursive=False),),
        mounts=(mount("ebs", "/dev/xvdb", "/", "/dl"), mount("efs", None, "/", "/efs")),
    )
    said = "\n".join(remarks(replace(entry_point(), ec2=side)))
    assert "s3://bucket/d.zip is an archive" in said and "/dl" in said and "/efs" in said
