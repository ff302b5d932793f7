UNIT += %D%/t_cookie
%C%_t_cookie_SOURCES = %D%/t_cookie.c %D%/table.h
%C%_t_cookie_LDADD = $(LIBS_DNS) $(CMOCKA_LIBS)
UNIT += %D%/t_name
%C%_t_name_SOURCES = %D%/t_name.c %D%/table.h
%C%_t_name_LDADD = $(LIBS_DNS) $(CMOCKA_LIBS)
