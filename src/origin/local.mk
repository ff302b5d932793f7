noinst_LIBRARIES += src/origin/liborigin.a
src_origin_liborigin_a_SOURCES = \
	%D%/conf.c \
	%D%/conf.h \
	%D%/exchange.c \
	%D%/exchange.h \
	%D%/exchange_send.c \
	%D%/exchange_take.c \
	%D%/fetch.c \
	%D%/fetch.h \
	%D%/fetch_kind.h \
	%D%/file_path.c \
	%D%/file_path.h \
	%D%/files.c \
	%D%/origin.h \
	%D%/pool.c \
	%D%/pool.h
