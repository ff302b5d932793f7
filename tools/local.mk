dist_noinst_SCRIPTS += %D%/check %D%/check-docs %D%/check-layers %D%/fuzz %D%/install-deps \
	%D%/lint %D%/lint-fast %D%/quickstart %D%/soak
EXTRA_DIST += %D%/codespell.ignore .ci/run
TESTS += %D%/lint-fast

.PHONY: lint
lint:
	$(top_srcdir)/%D%/lint
