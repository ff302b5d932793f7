UNIT += \
	%D%/t_accesslog \
	%D%/t_challenges \
	%D%/t_conf \
	%D%/t_explain \
	%D%/t_forward \
	%D%/t_notstored \
	%D%/t_purge_order \
	%D%/t_recode \
	%D%/t_site \
	%D%/t_unsliced
edge_ldadd = $(LIBS_EDGE) $(CMOCKA_LIBS)
%C%_t_accesslog_LDADD = $(edge_ldadd)
%C%_t_challenges_LDADD = $(edge_ldadd)
%C%_t_conf_LDADD = $(edge_ldadd)
%C%_t_explain_LDADD = $(edge_ldadd)
%C%_t_forward_LDADD = $(edge_ldadd)
%C%_t_notstored_LDADD = $(edge_ldadd)
%C%_t_recode_LDADD = $(edge_ldadd)
%C%_t_purge_order_LDADD = $(edge_ldadd)
%C%_t_site_LDADD = $(edge_ldadd)
%C%_t_unsliced_LDADD = $(edge_ldadd)
UNIT += %D%/t_admit %D%/t_signature
%C%_t_admit_LDADD = $(edge_ldadd)
%C%_t_admit_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(abs_top_srcdir)/tests/data"'
%C%_t_signature_LDADD = $(edge_ldadd)
