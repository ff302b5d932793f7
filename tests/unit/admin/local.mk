UNIT += %D%/t_admin %D%/t_client %D%/t_report
UNIT_THREADED += %D%/t_admin %D%/t_client
%C%_t_admin_LDADD = $(LIBS_ADMIN) $(CMOCKA_LIBS)
%C%_t_client_LDADD = $(LIBS_ADMIN) $(CMOCKA_LIBS)
%C%_t_report_LDADD = $(LIBS_ADMIN) $(CMOCKA_LIBS)
UNIT += %D%/t_warc
%C%_t_warc_LDADD = $(LIBS_ADMIN) $(ZLIB_LIBS) $(CMOCKA_LIBS)
