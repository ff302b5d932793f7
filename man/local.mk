dist_man_MANS += %D%/selvaged.8 %D%/selvagectl.1 %D%/selvage.conf.5
dist_man_MANS += %D%/selvage-director.8 %D%/selvage-director.conf.5
EXTRA_DIST += %D%/selvage.conf.5.in %D%/selvage-director.conf.5.in
dist_noinst_SCRIPTS += %D%/update

# The references in selvage.conf(5) and selvage-director.conf(5) come from the directive tables:
# `make manual` writes the pages anew, `make check` fails when that was forgotten.
check_PROGRAMS += %D%/manual
%C%_manual_SOURCES = %D%/manual.c
%C%_manual_LDADD = src/director/libdirector.a src/health/libhealth.a src/dns/libdns.a $(LIBS_EDGE)
TESTS += %D%/update

.PHONY: manual
manual: %D%/manual
	MANUAL=%D%/manual $(top_srcdir)/%D%/update --write
