noinst_LIBRARIES += src/director/libdirector.a
src_director_libdirector_a_SOURCES = \
	%D%/conf.c \
	%D%/conf.h \
	%D%/dns_conf.c \
	%D%/dns_conf.h \
	%D%/map_check.c \
	%D%/map_check.h \
	%D%/map_conf.c \
	%D%/map_conf.h \
	%D%/map_files.c \
	%D%/map_files.h \
	%D%/map_json.c \
	%D%/map_json.h \
	%D%/map_keeper.c \
	%D%/map_keeper.h \
	%D%/map_made.c \
	%D%/map_made.h \
	%D%/map_report.c \
	%D%/map_serve.c \
	%D%/map_serve.h \
	%D%/respond.c \
	%D%/respond.h \
	%D%/rrl.c \
	%D%/rrl.h \
	%D%/tcp.c \
	%D%/tcp.h \
	%D%/server.c \
	%D%/server.h \
	%D%/udp.c \
	%D%/udp.h \
	%D%/worker.h
src_director_libdirector_a_SOURCES += \
	%D%/client.h \
	%D%/client_chain.c \
	%D%/client_chain.h \
	%D%/explain.c \
	%D%/explain.h \
	%D%/page.c \
	%D%/page.h \
	%D%/page_html.c \
	%D%/places.c \
	%D%/places.h \
	%D%/redirect.c \
	%D%/redirect.h \
	%D%/pops_serve.c \
	%D%/pops_serve.h \
	%D%/redirect_conf.c \
	%D%/steer_serve.c \
	%D%/steer_serve.h \
	%D%/tally.c \
	%D%/tally.h \
	%D%/worldmap.c \
	%D%/worldmap.h \
	%D%/worldmap.tbl
src_director_libdirector_a_SOURCES += \
	%D%/answer.c \
	%D%/answer.h \
	%D%/choose.c \
	%D%/pop.c \
	%D%/pop.h \
	%D%/pop_conf.c \
	%D%/pop_conf.h \
	%D%/pops.c \
	%D%/pops.h \
	%D%/pops_file.c \
	%D%/pops_file.h \
	%D%/pops_impl.h \
	%D%/pops_keep.c \
	%D%/pops_watch.c \
	%D%/rendezvous.c \
	%D%/rendezvous.h \
	%D%/shedding.c \
	%D%/shedding.h \
	%D%/steer.c \
	%D%/steer.h \
	%D%/steer_conf.c \
	%D%/steer_conf.h \
	%D%/unrouted.c \
	%D%/unrouted.h \
	%D%/zone.h \
	%D%/zone_build.c \
	%D%/zone_check.c \
	%D%/zone_conf.c \
	%D%/zone_conf.h \
	%D%/zone_find.c \
	%D%/zone_impl.h
src_director_libdirector_a_SOURCES += \
	%D%/dnssec.h \
	%D%/dnssec_conf.c \
	%D%/kept.c \
	%D%/kept.h \
	%D%/key_file.c \
	%D%/key_file.h \
	%D%/signatures.c \
	%D%/signatures.h \
	%D%/signer.c \
	%D%/signer.h
