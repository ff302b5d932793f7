UNIT += \
	%D%/t_arena \
	%D%/t_buf \
	%D%/t_clock \
	%D%/t_counters \
	%D%/t_hash \
	%D%/t_list \
	%D%/t_log \
	%D%/t_notify \
	%D%/t_process \
	%D%/t_sink \
	%D%/t_span
UNIT_THREADED += %D%/t_counters %D%/t_sink
base_ldadd = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_t_arena_LDADD = $(base_ldadd)
%C%_t_buf_LDADD = $(base_ldadd)
%C%_t_clock_LDADD = $(base_ldadd)
%C%_t_counters_LDADD = $(base_ldadd)
%C%_t_hash_LDADD = $(base_ldadd)
%C%_t_list_LDADD = $(base_ldadd)
%C%_t_log_LDADD = $(base_ldadd)
%C%_t_notify_LDADD = $(base_ldadd)
%C%_t_process_LDADD = $(base_ldadd)
%C%_t_sink_LDADD = $(base_ldadd)
%C%_t_span_LDADD = $(base_ldadd)
