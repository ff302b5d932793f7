# Load programs that prove something about a running edge; tests/e2e runs them.
noinst_PROGRAMS += %D%/purge_storm
%C%_purge_storm_SOURCES = %D%/purge_storm.c
%C%_purge_storm_LDADD = -lpthread -lz
