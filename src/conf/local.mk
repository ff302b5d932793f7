noinst_LIBRARIES += src/conf/libconf.a
src_conf_libconf_a_SOURCES = \
	%D%/apply.c \
	%D%/diff.c \
	%D%/diff.h \
	%D%/directive.c \
	%D%/directive.h \
	%D%/dump.c \
	%D%/dump.h \
	%D%/errors.c \
	%D%/errors.h \
	%D%/lex.c \
	%D%/lex.h \
	%D%/manual.c \
	%D%/manual.h \
	%D%/suggest.c \
	%D%/suggest.h \
	%D%/tree.c \
	%D%/tree.h \
	%D%/value.c \
	%D%/value.h
