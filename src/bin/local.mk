
sbin_PROGRAMS += selvaged
selvaged_SOURCES = src/bin/selvaged.c
selvaged_LDADD = $(LIBS_EDGE)

bin_PROGRAMS += selvagectl
selvagectl_SOURCES = src/bin/selvagectl.c
# Of admin and net only the client's part is linked.
selvagectl_LDADD = src/admin/libadmin.a src/net/libnet.a src/conf/libconf.a $(LIBS_HTTP) $(JANSSON_LIBS)
