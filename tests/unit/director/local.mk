UNIT += %D%/t_client_chain
%C%_t_client_chain_SOURCES = %D%/t_client_chain.c tests/unit/http/table.h
%C%_t_client_chain_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_worldmap
%C%_t_worldmap_SOURCES = %D%/t_worldmap.c tests/unit/http/table.h
%C%_t_worldmap_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
