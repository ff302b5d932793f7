UNIT += %D%/t_coder
%C%_t_coder_SOURCES = %D%/t_coder.c tests/unit/http/table.h
%C%_t_coder_LDADD = $(LIBS_CODING) $(CMOCKA_LIBS)
