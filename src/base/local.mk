noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = \
	%D%/arena.c \
	%D%/arena.h \
	%D%/attrs.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/check.c \
	%D%/check.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/counters.c \
	%D%/counters.h \
	%D%/counters.tbl \
	%D%/hash.c \
	%D%/hash.h \
	%D%/list.h \
	%D%/log.c \
	%D%/log.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/process.c \
	%D%/process.h \
	%D%/sink.c \
	%D%/sink.h \
	%D%/span.c \
	%D%/span.h \
	%D%/thread.c \
	%D%/thread.h
