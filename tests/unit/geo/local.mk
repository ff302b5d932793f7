UNIT += %D%/t_database
%C%_t_database_LDADD = $(LIBS_GEO) $(CMOCKA_LIBS)
%C%_t_database_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'
EXTRA_DIST += tests/data/maxmind-db tests/data/mmdb
