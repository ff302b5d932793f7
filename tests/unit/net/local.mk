UNIT += %D%/t_addr %D%/t_stream
net_shared = %D%/net_test.c %D%/net_test.h
net_ldadd = $(LIBS_NET) $(CMOCKA_LIBS)
%C%_t_addr_SOURCES = %D%/t_addr.c $(net_shared)
%C%_t_addr_LDADD = $(net_ldadd)
%C%_t_stream_SOURCES = %D%/t_stream.c $(net_shared)
%C%_t_stream_LDADD = $(net_ldadd)
