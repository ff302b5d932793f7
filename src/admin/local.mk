noinst_LIBRARIES += src/admin/libadmin.a
src_admin_libadmin_a_SOURCES = \
	%D%/admin.c \
	%D%/admin.h \
	%D%/answer.c \
	%D%/answer.h \
	%D%/certificates.c \
	%D%/client.c \
	%D%/client.h \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/report.c \
	%D%/report.h \
	%D%/report_cache.c \
	%D%/report_explain.c \
	%D%/report_pops.c \
	%D%/report_purge.c \
	%D%/report_steer.c \
	%D%/route.h \
	%D%/routes.c \
	%D%/table.c \
	%D%/table.h \
	%D%/volumes.c \
	%D%/warc.c \
	%D%/warc.h
