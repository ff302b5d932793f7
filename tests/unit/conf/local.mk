UNIT += \
	%D%/t_diff \
	%D%/t_directive \
	%D%/t_dump \
	%D%/t_errors \
	%D%/t_lex \
	%D%/t_manual \
	%D%/t_suggest \
	%D%/t_tree \
	%D%/t_value
conf_ldadd = $(LIBS_CONF) $(CMOCKA_LIBS)
%C%_t_diff_LDADD = $(conf_ldadd)
%C%_t_suggest_LDADD = $(conf_ldadd)
%C%_t_value_LDADD = $(conf_ldadd)
%C%_t_errors_LDADD = $(conf_ldadd)
%C%_t_lex_LDADD = $(conf_ldadd)
%C%_t_tree_LDADD = $(conf_ldadd)
conf_demo = %D%/demo.c %D%/demo.h
%C%_t_directive_SOURCES = %D%/t_directive.c $(conf_demo)
%C%_t_directive_LDADD = $(conf_ldadd)
%C%_t_dump_SOURCES = %D%/t_dump.c $(conf_demo)
%C%_t_dump_LDADD = $(conf_ldadd)
%C%_t_manual_SOURCES = %D%/t_manual.c $(conf_demo)
%C%_t_manual_LDADD = $(conf_ldadd)
