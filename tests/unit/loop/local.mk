UNIT += %D%/t_worker %D%/t_deadline %D%/t_pool
UNIT_THREADED += %D%/t_worker %D%/t_pool
loop_ldadd = $(LIBS_LOOP) $(CMOCKA_LIBS)
%C%_t_worker_LDADD = $(loop_ldadd)
%C%_t_deadline_LDADD = $(loop_ldadd)
%C%_t_pool_LDADD = $(loop_ldadd)
