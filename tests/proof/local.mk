# Load programs that prove something about a running edge; tests/e2e runs them.
noinst_PROGRAMS += %D%/purge_storm
%C%_purge_storm_SOURCES = %D%/purge_storm.c
%C%_purge_storm_LDADD = -lpthread -lz
# Preloaded into the daemon by tests/e2e: a module, and nothing of it is ours but this file.
noinst_PROGRAMS += %D%/faults.so
%C%_faults_so_SOURCES = %D%/faults.c
%C%_faults_so_CPPFLAGS =
%C%_faults_so_CFLAGS = -std=gnu11 -fPIC -Wall -Wextra
%C%_faults_so_LDFLAGS = -shared
dist_noinst_SCRIPTS += %D%/crash_storm %D%/idle_tls %D%/map_reloads
# Proves maps over whole databases: tests/proof/geo_map POINTS FILE...
noinst_PROGRAMS += %D%/geo_map
%C%_geo_map_SOURCES = %D%/geo_map.c %D%/geo_points.h
%C%_geo_map_LDADD = $(LIBS_GEO)
TESTS += %D%/geo-map-small
dist_noinst_SCRIPTS += %D%/geo-map-small
