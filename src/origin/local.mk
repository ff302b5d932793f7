noinst_LIBRARIES += src/origin/liborigin.a
src_origin_liborigin_a_SOURCES =
