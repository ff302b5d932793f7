noinst_LIBRARIES += src/geo/libgeo.a
src_geo_libgeo_a_SOURCES = \
	%D%/database.c %D%/database.h %D%/database_impl.h \
	%D%/map.h \
	%D%/record.c %D%/record.h
