"""Random ranges, every byte compared: some thousands here, a million by hand (tests/proof)."""
import os
import subprocess
import sys

import pytest

from edge import TOP, environment

STORM = os.path.join(TOP, "tests", "proof", "range_storm")


@pytest.mark.parametrize("options", [
    ["--requests", "4000"],
    ["--requests", "2000", "--memory", "16MiB", "--conf", "range-wait 64KiB;"],
    ["--requests", "3000", "--kinds", "plain,slow,cut,change,large", "--large", str(5 << 30),
     "--conf", "slice 256KiB; slice-from 500KiB;"],
    ["--requests", "2000", "--kinds", "stream,plain,chunked", "--memory", "16MiB", "--disk", "128MiB"],
], ids=["kept", "tight", "sliced", "streamed"])
def test_random_ranges(options):
    done = subprocess.run([sys.executable, STORM, *options], capture_output=True, text=True,
                          timeout=250, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
