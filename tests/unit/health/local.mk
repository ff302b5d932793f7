UNIT += %D%/t_load %D%/t_probe_conf %D%/t_response %D%/t_standing %D%/t_watch
health_net = tests/unit/net/net_test.c tests/unit/net/net_test.h tests/unit/net/tls_test.c \
	tests/unit/net/tls_test.h
health_ldadd = $(LIBS_HEALTH) $(CMOCKA_LIBS)
%C%_t_load_LDADD = $(health_ldadd)
%C%_t_probe_conf_LDADD = $(health_ldadd)
%C%_t_response_LDADD = $(health_ldadd)
%C%_t_standing_LDADD = $(health_ldadd)
%C%_t_watch_SOURCES = %D%/t_watch.c $(health_net)
%C%_t_watch_LDADD = $(health_ldadd)
