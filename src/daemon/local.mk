noinst_LIBRARIES += src/daemon/libdaemon.a
src_daemon_libdaemon_a_SOURCES = \
	%D%/certificates.c \
	%D%/certificates.h \
	%D%/closing.c \
	%D%/closing.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/daemon.c \
	%D%/daemon.h \
	%D%/load.c \
	%D%/load.h
