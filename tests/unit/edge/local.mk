UNIT += %D%/t_accesslog %D%/t_conf %D%/t_explain %D%/t_forward %D%/t_notstored %D%/t_site
edge_ldadd = $(LIBS_EDGE) $(CMOCKA_LIBS)
%C%_t_accesslog_LDADD = $(edge_ldadd)
%C%_t_conf_LDADD = $(edge_ldadd)
%C%_t_explain_LDADD = $(edge_ldadd)
%C%_t_forward_LDADD = $(edge_ldadd)
%C%_t_notstored_LDADD = $(edge_ldadd)
%C%_t_site_LDADD = $(edge_ldadd)
