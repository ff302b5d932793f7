noinst_LIBRARIES += src/health/libhealth.a
src_health_libhealth_a_SOURCES = \
	%D%/load.c \
	%D%/load.h \
	%D%/probe.c \
	%D%/probe.h \
	%D%/probe_conf.c \
	%D%/probe_conf.h \
	%D%/response.c \
	%D%/response.h \
	%D%/standing.c \
	%D%/standing.h \
	%D%/watch.c \
	%D%/watch.h
