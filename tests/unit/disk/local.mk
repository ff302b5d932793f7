UNIT += %D%/t_index
UNIT_THREADED += %D%/t_index
%C%_t_index_SOURCES = %D%/t_index.c %D%/things.h
%C%_t_index_LDADD = $(LIBS_DISK) $(CMOCKA_LIBS)
