noinst_LIBRARIES += src/edge/libedge.a
src_edge_libedge_a_SOURCES = \
	%D%/accesslog.c \
	%D%/accesslog.h \
	%D%/acme.c \
	%D%/acme.h \
	%D%/acme_conf.c \
	%D%/acme_serve.c \
	%D%/answer.c \
	%D%/arrival.c \
	%D%/challenges.c \
	%D%/challenges.h \
	%D%/coding_conf.c \
	%D%/coding_options.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/decision.c \
	%D%/decision.h \
	%D%/deliver.c \
	%D%/deliver.h \
	%D%/explain.c \
	%D%/explain.h \
	%D%/filler.c \
	%D%/filler.h \
	%D%/filler_impl.h \
	%D%/forward.c \
	%D%/forward.h \
	%D%/hints.c \
	%D%/hints.h \
	%D%/incomplete.c \
	%D%/incomplete.h \
	%D%/listing.c \
	%D%/listing.h \
	%D%/look_up.c \
	%D%/names.c \
	%D%/names.h \
	%D%/notstored.c \
	%D%/notstored.h \
	%D%/partial.c \
	%D%/policy_conf.c \
	%D%/recode.c \
	%D%/recode.h \
	%D%/recoded.c \
	%D%/recoder.c \
	%D%/recoder.h \
	%D%/reload.c \
	%D%/reload.h \
	%D%/request.c \
	%D%/request.h \
	%D%/resume.c \
	%D%/route.c \
	%D%/route.h \
	%D%/secure.c \
	%D%/secure.h \
	%D%/server.c \
	%D%/server.h \
	%D%/setup.c \
	%D%/setup.h \
	%D%/site.c \
	%D%/site.h \
	%D%/site_conf.c \
	%D%/site_conf.h \
	%D%/slice_fill.c \
	%D%/slice_fill.h \
	%D%/slices.c \
	%D%/slices.h \
	%D%/tagging.c \
	%D%/tagging.h \
	%D%/tunnel.c \
	%D%/tunnel.h \
	%D%/unsliced.c \
	%D%/unsliced.h \
	%D%/worker.h
src_edge_libedge_a_SOURCES += \
	%D%/purge_conf.c \
	%D%/purge_conf.h \
	%D%/purge_order.c \
	%D%/purge_order.h \
	%D%/purge_request.c \
	%D%/purge_serve.c \
	%D%/purge_serve.h \
	%D%/purging.c \
	%D%/purging.h
src_edge_libedge_a_SOURCES += \
	%D%/access.c \
	%D%/access.h \
	%D%/admit.c \
	%D%/admit.h \
	%D%/limit.c \
	%D%/limit.h \
	%D%/signature.c \
	%D%/signature.h \
	%D%/signing_keys.c
src_edge_libedge_a_SOURCES += %D%/explain_admit.c %D%/explain_admit.h
src_edge_libedge_a_SOURCES += %D%/listing_impl.h %D%/listing_json.c %D%/listing_one.c
