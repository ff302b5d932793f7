noinst_LIBRARIES += src/director/libdirector.a
src_director_libdirector_a_SOURCES = \
	%D%/answer.h \
	%D%/pop.h \
	%D%/pops.h \
	%D%/steer.h \
	%D%/zone.h
