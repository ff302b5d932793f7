# End to end tests: the real daemon, clients and origins of the test's own. `make check-e2e` runs
# them against this build; E2E=... adds pytest arguments, for example E2E='-k collapse'.
E2E =
EXTRA_DIST += %D%/pytest.ini %D%/conftest.py

.PHONY: check-e2e
check-e2e: all
	SELVAGE_BUILD='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 -m pytest -p no:cacheprovider -q $(E2E) $(top_srcdir)/%D%
