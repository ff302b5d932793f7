noinst_LIBRARIES += src/loop/libloop.a
src_loop_libloop_a_SOURCES = %D%/deadline.c %D%/deadline.h %D%/pool.c %D%/pool.h %D%/worker.c \
	%D%/worker.h
