dist_man_MANS += %D%/selvaged.8 %D%/selvagectl.1 %D%/selvage.conf.5
EXTRA_DIST += %D%/selvage.conf.5.in
dist_noinst_SCRIPTS += %D%/update

# The reference in selvage.conf(5) comes from the directive tables: `make manual` writes the page
# anew, `make check` fails when that was forgotten.
check_PROGRAMS += %D%/manual
%C%_manual_SOURCES = %D%/manual.c
%C%_manual_LDADD = $(LIBS_EDGE)
TESTS += %D%/update

.PHONY: manual
manual: %D%/manual
	MANUAL=%D%/manual $(top_srcdir)/%D%/update --write
