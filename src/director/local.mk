noinst_LIBRARIES += src/director/libdirector.a
src_director_libdirector_a_SOURCES = \
	%D%/answer.h \
	%D%/pop.h \
	%D%/pops.h \
	%D%/steer.h \
	%D%/zone.h \
	%D%/zone_conf.h \
	%D%/zone_find.c \
	%D%/zone_impl.h
