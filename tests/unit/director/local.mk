UNIT += %D%/t_client_chain
%C%_t_client_chain_SOURCES = %D%/t_client_chain.c tests/unit/http/table.h
%C%_t_client_chain_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_page_html
%C%_t_page_html_SOURCES = %D%/t_page_html.c tests/unit/http/table.h
%C%_t_page_html_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_worldmap
%C%_t_worldmap_SOURCES = %D%/t_worldmap.c tests/unit/http/table.h
%C%_t_worldmap_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_kept
UNIT_THREADED += %D%/t_kept
%C%_t_kept_SOURCES = %D%/t_kept.c tests/unit/http/table.h
%C%_t_kept_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_signer
UNIT_THREADED += %D%/t_signer
%C%_t_signer_SOURCES = %D%/t_signer.c tests/unit/http/table.h
%C%_t_signer_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_zone_find %D%/t_zone_conf
%C%_t_zone_find_SOURCES = %D%/t_zone_find.c %D%/zones.h tests/unit/http/table.h
%C%_t_zone_find_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_zone_conf_SOURCES = %D%/t_zone_conf.c %D%/zones.h tests/unit/http/table.h
%C%_t_zone_conf_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_choose %D%/t_pops %D%/t_rendezvous %D%/t_shedding %D%/t_steer_conf
UNIT_THREADED += %D%/t_pops
%C%_t_choose_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS) -lm
%C%_t_pops_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_steer_conf_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_rendezvous_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS) -lm
%C%_t_shedding_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
UNIT += %D%/t_answer
%C%_t_answer_SOURCES = %D%/t_answer.c %D%/zones.h tests/unit/dns/message.h tests/unit/http/table.h
%C%_t_answer_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_answer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
UNIT += %D%/t_rrl
%C%_t_rrl_SOURCES = %D%/t_rrl.c
%C%_t_rrl_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)

UNIT += %D%/t_map_files
%C%_t_map_files_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)

UNIT += %D%/t_map_keeper
UNIT_THREADED += %D%/t_map_keeper
%C%_t_map_keeper_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_map_keeper_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'

UNIT += %D%/t_countries
%C%_t_countries_LDADD = $(LIBS_DIRECTOR) $(CMOCKA_LIBS)
%C%_t_countries_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(top_srcdir)/tests/data"'
