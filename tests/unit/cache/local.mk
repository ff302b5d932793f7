UNIT += %D%/t_fill
%C%_t_fill_SOURCES = %D%/t_fill.c %D%/things.h
%C%_t_fill_LDADD = $(LIBS_CACHE) $(CMOCKA_LIBS)
