import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import edge as edge_module  # noqa: E402
from origin import Origin  # noqa: E402


def pytest_configure():
    if not os.access(edge_module.SELVAGED, os.X_OK):
        pytest.exit(f"there is no {edge_module.SELVAGED}: build first, or say SELVAGE_BUILD=DIRECTORY")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("release") and edge_module.instrumented():
            item.add_marker(pytest.mark.skip(reason="means nothing in a sanitizer build"))


@pytest.fixture
def new_origin():
    """Makes origins; at the end none of them may have seen anything that is not HTTP."""
    origins = []

    def make(**options):
        origins.append(Origin(**options))
        return origins[-1]

    yield make
    for o in origins:
        o.stop()
    assert [f for o in origins for f in o.faults] == []


@pytest.fixture
def origin(new_origin):
    return new_origin()


@pytest.fixture
def selvaged(new_origin):
    """Starts daemons; at the end each must stop in order and have said nothing of a sanitizer.
    (It asks for new_origin so that it ends before the origins do.)"""
    edges = []

    def start(*args, **options):
        edges.append(edge_module.Edge(*args, **options))
        return edges[-1]

    yield start
    faults = []
    for e in edges:
        try:
            e.stop()
        except AssertionError as fault:
            faults.append(str(fault))
        shutil.rmtree(e.dir, ignore_errors=True)
    assert faults == []


@pytest.fixture
def director():
    """Starts directors; at the end each must stop in order and have said nothing of a sanitizer."""
    import director as director_module  # pylint: disable=import-outside-toplevel
    running = []

    def start(*args, **options):
        running.append(director_module.Director(*args, **options))
        return running[-1]

    yield start
    faults = []
    for d in running:
        try:
            d.stop()
        except AssertionError as fault:
            faults.append(str(fault))
        shutil.rmtree(d.dir, ignore_errors=True)
    assert faults == []


@pytest.fixture
def edge(selvaged, origin):
    """The usual pair: two workers in the one-line form before a scripted origin."""
    return selvaged(origin=origin)


@pytest.fixture(scope="module")
def standing():
    """(edge, origin) for a whole file, where tables have many rows and each takes a path of its
    own. As of every origin, nothing that is not HTTP may have come there."""
    own = Origin()
    daemon = edge_module.Edge(origin=own)
    yield daemon, own
    try:
        daemon.stop()
    finally:
        shutil.rmtree(daemon.dir, ignore_errors=True)
        own.stop()
    assert own.faults == []
