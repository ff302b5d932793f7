noinst_LIBRARIES += src/http/libhttp.a
src_http_libhttp_a_SOURCES = \
	%D%/accept_encoding.c %D%/accept_encoding.h %D%/coding.c %D%/coding.h \
	%D%/media_type.c %D%/media_type.h %D%/weighted.c %D%/weighted.h \
	%D%/cache_control.c %D%/cache_control.h %D%/chars.c %D%/chars.h %D%/chunked.c \
	%D%/chunked.h %D%/conditional.c %D%/conditional.h %D%/date.c %D%/date.h %D%/etag.c \
	%D%/etag.h %D%/fields.c %D%/fields.h %D%/fields.tbl %D%/forwarded.c %D%/forwarded.h \
	%D%/h1_parse.c %D%/h1_parse.h %D%/h1_write.c %D%/h1_write.h %D%/h2_head.c %D%/h2_head.h %D%/hop.c %D%/hop.h \
	%D%/message.h %D%/multipart.c %D%/multipart.h %D%/method.c %D%/method.h %D%/mime.c %D%/mime.h %D%/mime.tbl %D%/range.c \
	%D%/range.h %D%/sfv.c %D%/sfv.h %D%/status.c %D%/status.h %D%/status.tbl %D%/uri.c \
	%D%/uri.h
