
sbin_PROGRAMS += selvaged
selvaged_SOURCES = src/bin/selvaged.c
selvaged_LDADD = $(LIBS_EDGE)

sbin_PROGRAMS += selvage-director
selvage_director_SOURCES = src/bin/selvage-director.c
selvage_director_LDADD = $(LIBS_DIRECTOR)

bin_PROGRAMS += selvagectl
selvagectl_SOURCES = \
	src/bin/ctl.h \
	src/bin/ctl_acme.c \
	src/bin/ctl_cache.c \
	src/bin/ctl_certificates.c \
	src/bin/ctl_reload.c \
	src/bin/ctl_dnssec.c \
	src/bin/ctl_export.c \
	src/bin/ctl_map.c \
	src/bin/ctl_pops.c \
	src/bin/ctl_purge.c \
	src/bin/ctl_sign.c \
	src/bin/ctl_steer.c \
	src/bin/ctl_volume.c \
	src/bin/selvagectl.c
# For explain -c and map check -c it reads configurations as the daemons do.
selvagectl_LDADD = src/director/libdirector.a src/health/libhealth.a src/dns/libdns.a $(LIBS_EDGE)
