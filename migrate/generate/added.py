"""A job.toml that a person has edited stays as it is, comments and all; jobs of new entry points are added to it."""

from __future__ import annotations

import re

END = "\n# What a job can have besides"  # how the closing comment of job.toml begins


def with_new_jobs(present: bytes, made: bytes) -> bytes:
    """``present`` with the sections of ``made`` for entry points that it has no job of; as it is where it cannot be read, or has all."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = present.decode("utf-8")
        jobs = tomlkit.parse(text).unwrap().get("job", {})
        known = {job.get("entry") for job in jobs.values()}
        wanted = tomlkit.parse(made.decode("utf-8")).unwrap()["job"]
        new = {key: job for key, job in wanted.items() if job["entry"] not in known and key not in jobs}
        sections = _sections(made.decode("utf-8"), list(wanted))
        before, end, after = text.partition(END)
        added = before.rstrip("\n") + "\n" + "".join(f"\n{sections[key].strip(chr(10))}\n" for key in new) + end + after
        whole = tomlkit.parse(added).unwrap() == {**tomlkit.parse(text).unwrap(), "job": {**jobs, **new}}
    except (UnicodeDecodeError, TOMLKitError, AttributeError):
        return present
    return added.encode("utf-8") if new and whole else present


def _sections(text: str, keys: list[str]) -> dict[str, str]:
    """The text of each job, as it was made: from its heading to the next one's."""
    body = text.partition(END)[0]
    starts = [match.start() for match in re.finditer(r'^\[job\.(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*")\]$', body, re.MULTILINE)]
    return {key: body[start:end] for key, start, end in zip(keys, starts, [*starts[1:], len(body)], strict=True)}
