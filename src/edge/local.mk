noinst_LIBRARIES += src/edge/libedge.a
src_edge_libedge_a_SOURCES =
