"""Waiting for a condition, with a deadline. No test sleeps in the hope that something has happened."""
import os
import time

# Sanitizer builds on a busy machine are slow; a deadline is there to end a hang, not to measure.
PATIENCE_S = float(os.environ.get("E2E_PATIENCE_S", "20"))


def wait_for(condition, what, deadline_s=PATIENCE_S):
    """Returns the first true value of condition()."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s:g} s still not: {what}")
        time.sleep(0.01)
