noinst_LIBRARIES += src/geo/libgeo.a
src_geo_libgeo_a_SOURCES = \
	%D%/countries.tbl \
	%D%/country.c %D%/country.h \
	%D%/cuts.c %D%/cuts.h \
	%D%/database.c %D%/database.h %D%/database_impl.h \
	%D%/embedded.c %D%/embedded.h \
	%D%/map.c %D%/map.h %D%/map_impl.h \
	%D%/map_check.c \
	%D%/map_compile.c \
	%D%/map_facts.c \
	%D%/map_file.c \
	%D%/nearest.c %D%/nearest.h \
	%D%/orders.c %D%/orders.h \
	%D%/record.c %D%/record.h \
	%D%/sites.c %D%/sites.h \
	%D%/thinning.c %D%/thinning.h \
	%D%/trie.c %D%/trie.h \
	%D%/trie_build.c %D%/trie_build.h \
	%D%/walk.c %D%/walk.h
