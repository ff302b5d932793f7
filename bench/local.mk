dist_noinst_SCRIPTS += %D%/coded-hits %D%/disk %D%/dns %D%/hits %D%/quiet %D%/redirects %D%/slices %D%/tls
EXTRA_PROGRAMS += %D%/codings %D%/purges
%C%_codings_LDADD = $(LIBS_CODING)
EXTRA_PROGRAMS += %D%/find
%C%_find_SOURCES = %D%/find.c
%C%_find_LDADD = $(LIBS_CACHE)
%C%_purges_LDADD = $(LIBS_CACHE)

# Programs that measure parts; `make bench/NAME` builds one.
EXTRA_PROGRAMS += %D%/disk_index %D%/disk_recovery %D%/disk_records
%C%_disk_index_LDADD = $(LIBS_DISK)
%C%_disk_recovery_LDADD = $(LIBS_DISK)
%C%_disk_records_LDADD = $(LIBS_DISK)
EXTRA_PROGRAMS += %D%/turnover %D%/crowd
%C%_turnover_LDADD = $(LIBS_CACHE)
%C%_crowd_LDADD = -lpthread
EXTRA_PROGRAMS += %D%/dns_message
%C%_dns_message_LDADD = $(LIBS_DNS) $(OPENSSL_LIBS)
EXTRA_PROGRAMS += %D%/geo_find
%C%_geo_find_SOURCES = %D%/geo_find.c tests/proof/geo_points.h
%C%_geo_find_LDADD = $(LIBS_GEO)
EXTRA_PROGRAMS += %D%/dns_signed
%C%_dns_signed_LDADD = $(LIBS_DIRECTOR)
EXTRA_PROGRAMS += %D%/dns_load %D%/dns_echo
