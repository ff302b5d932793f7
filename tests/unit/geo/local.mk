UNIT += %D%/t_database
%C%_t_database_LDADD = $(LIBS_GEO) $(CMOCKA_LIBS)
%C%_t_database_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'
EXTRA_DIST += tests/data/maxmind-db tests/data/mmdb
UNIT += %D%/t_map
%C%_t_map_SOURCES = %D%/t_map.c %D%/mmdb.c %D%/mmdb.h
%C%_t_map_LDADD = $(LIBS_GEO) $(CMOCKA_LIBS)
%C%_t_map_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'
UNIT += %D%/t_map_file %D%/t_embedded
%C%_t_map_file_LDADD = $(LIBS_GEO) $(CMOCKA_LIBS)
%C%_t_map_file_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'
%C%_t_embedded_LDADD = $(LIBS_GEO) $(CMOCKA_LIBS)
