"""Clients that are slow on purpose: some hundreds here, thousands by hand (tests/proof)."""
import os
import subprocess
import sys

import pytest

from edge import TOP, environment

SLOW = os.path.join(TOP, "tests", "proof", "slow_clients")


@pytest.mark.release
def test_others_do_not_wait():
    done = subprocess.run([sys.executable, SLOW, "--heads", "250", "--bodies", "250", "--readers",
                           "50", "--seconds", "2", "--median"],
                          capture_output=True, text=True, timeout=150, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
