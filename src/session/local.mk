noinst_LIBRARIES += src/session/libsession.a
src_session_libsession_a_SOURCES = \
	%D%/conf.c \
	%D%/conf.h \
	%D%/h1.c \
	%D%/h1.h \
	%D%/h1_body.c \
	%D%/h1_conn.h \
	%D%/h1_send.c \
	%D%/h2.c \
	%D%/h2.h \
	%D%/h2_conn.h \
	%D%/h2_frames.c \
	%D%/h2_guard.c \
	%D%/h2_guard.h \
	%D%/h2_guard.tbl \
	%D%/h2_send.c \
	%D%/h2_stream.c \
	%D%/opening.c \
	%D%/opening.h \
	%D%/sessions.c \
	%D%/sessions.h \
	%D%/txn.c \
	%D%/txn.h
src_session_libsession_a_SOURCES += %D%/pace.c %D%/pace.h
