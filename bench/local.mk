dist_noinst_SCRIPTS += %D%/hits
EXTRA_PROGRAMS += %D%/codings
%C%_codings_LDADD = $(LIBS_CODING)
