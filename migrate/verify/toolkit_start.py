"""Starts a job by the real sagemaker-training toolkit, in the Python that has it. Never imported by the tool.

Its arguments are the folder of the probe, which comes first on the script's path, and ``named`` where the names of the hosts are known.
Two things are not as in a container: no packages are installed, since this Python is the user's own, and hosts without a name are not
waited for.
"""

import os
import sys

del sys.path[0]  # this file's own folder, in the place of the one that ``train`` lies in

from sagemaker_training import entry_point, environment, modules, trainer  # type: ignore[import-untyped, unused-ignore]  # noqa: E402

PROBE, HOSTS = sys.argv[1:]
_write = environment.write_env_vars


def write_env_vars(env_vars=None):  # type: ignore[no-untyped-def]
    """The toolkit's own, and the probe's folder in front."""
    _write(env_vars)
    os.environ["PYTHONPATH"] = PROBE + os.pathsep + os.environ["PYTHONPATH"]


def nothing(path, capture_error=False):  # type: ignore[no-untyped-def]
    """In the place of pip."""
    print("migrate verify: nothing is installed here; --install makes an environment of the job's packages")


def main() -> None:
    environment.write_env_vars = write_env_vars
    modules.install = modules.install_requirements = nothing
    if HOSTS != "named":
        entry_point._wait_hostname_resolution = lambda: None
    trainer.train()


if __name__ == "__main__":
    main()
