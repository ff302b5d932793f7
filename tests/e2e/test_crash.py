"""Kills at random moments, every served byte looked at: some here, a thousand by hand (tests/proof)."""
import os
import subprocess
import sys

from edge import TOP, environment

STORM = os.path.join(TOP, "tests", "proof", "crash_storm")


def test_kills_at_random_moments():
    done = subprocess.run([sys.executable, STORM, "--kills", "20"], capture_output=True, text=True,
                          timeout=250, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
