# Unit tests mirror src/: tests/unit/LAYER/t_NOUN.c tests src/LAYER/NOUN.c and links only that
# layer and what lies below it. A folder's local.mk says, for each program:
#
#   UNIT += %D%/t_span
#   %C%_t_span_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
#
# Those that start threads are in UNIT_THREADED, too: they run under TSan as well.
UNIT =
UNIT_THREADED =
include tests/unit/base/local.mk
include tests/unit/conf/local.mk
include tests/unit/loop/local.mk
include tests/unit/disk/local.mk
include tests/unit/http/local.mk
include tests/unit/dns/local.mk
include tests/unit/net/local.mk
include tests/unit/geo/local.mk
include tests/unit/cache/local.mk
include tests/unit/coding/local.mk
include tests/unit/session/local.mk
include tests/unit/origin/local.mk
include tests/unit/health/local.mk
include tests/unit/admin/local.mk
include tests/unit/edge/local.mk
include tests/unit/director/local.mk
check_PROGRAMS += $(UNIT)
TESTS += $(UNIT)
