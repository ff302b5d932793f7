noinst_LIBRARIES += src/director/libdirector.a
src_director_libdirector_a_SOURCES = \
	%D%/answer.h \
	%D%/zone.h
