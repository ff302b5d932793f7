dist_noinst_SCRIPTS += %D%/check %D%/check-docs %D%/check-layers %D%/fuzz %D%/install-deps \
	%D%/get-geo-database %D%/lint %D%/lint-fast %D%/make-worldmap %D%/quickstart %D%/soak %D%/tls-scan
EXTRA_DIST += tests/data/cachelib-cdn/LICENSE tests/data/cachelib-cdn/README \
	tests/data/cachelib-cdn/popularity tests/data/cachelib-cdn/sizes \
	%D%/codespell.ignore .ci/run
# Policies without bodies: what tools/replay and the test of hit ratios share.
noinst_LIBRARIES += tools/sim/libsim.a
tools_sim_libsim_a_SOURCES = \
	%D%/sim/reference.c %D%/sim/reference.h \
	%D%/sim/tiers.c %D%/sim/tiers.h \
	%D%/sim/trace.c %D%/sim/trace.h \
	%D%/sim/traffic.c %D%/sim/traffic.h
tools_sim_libsim_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
LIBS_SIM = tools/sim/libsim.a $(LIBS_CACHE) -lm

noinst_PROGRAMS += tools/replay
tools_replay_SOURCES = %D%/replay.c
tools_replay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
tools_replay_LDADD = $(LIBS_SIM)

TESTS += %D%/lint-fast

.PHONY: lint
lint:
	$(top_srcdir)/%D%/lint
