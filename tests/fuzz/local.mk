# Fuzz targets. fuzz_NAME.c defines LLVMFuzzerTestOneInput(); its seeds stand in corpus/NAME/.
# With --enable-fuzzing (clang) the programs are libFuzzer ones; otherwise each is linked with
# replay.c, which runs the corpus once, and is part of `make check`.
#
# For each target NAME of a layer add below:
#
#   FUZZ += %D%/fuzz_NAME
#   %C%_fuzz_NAME_SOURCES = %D%/fuzz_NAME.c $(FUZZ_MAIN)
#   %C%_fuzz_NAME_LDADD = $(LIBS_LAYER)
#   %C%_fuzz_NAME_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
FUZZ =
FUZZ_MAIN =
FUZZ_LDFLAGS =
EXTRA_DIST += %D%/replay.c %D%/run-corpus
if FUZZING
FUZZ_LDFLAGS += -fsanitize=fuzzer
else
FUZZ_MAIN += %D%/replay.c
TESTS += %D%/run-corpus
endif

check_PROGRAMS += $(FUZZ)
# `make fuzzers` builds them all and runs none.
.PHONY: fuzzers
fuzzers: $(FUZZ)
AM_TESTS_ENVIRONMENT = FUZZ_PROGRAMS='$(FUZZ)'; export FUZZ_PROGRAMS; \
	top_srcdir='$(top_srcdir)'; export top_srcdir;

FUZZ += %D%/fuzz_conf
%C%_fuzz_conf_SOURCES = %D%/fuzz_conf.c tests/unit/conf/demo.c tests/unit/conf/demo.h $(FUZZ_MAIN)
%C%_fuzz_conf_LDADD = $(LIBS_CONF)
%C%_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/conf
