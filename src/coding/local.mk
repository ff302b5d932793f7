noinst_LIBRARIES += src/coding/libcoding.a
src_coding_libcoding_a_SOURCES = \
	%D%/brotli.c %D%/coder.c %D%/coder.h %D%/coder_impl.h %D%/gzip.c %D%/zstd.c
src_coding_libcoding_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(BROTLI_CFLAGS) $(ZSTD_CFLAGS)
