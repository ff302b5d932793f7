noinst_LIBRARIES += src/net/libnet.a
src_net_libnet_a_SOURCES = \
	%D%/addr.c \
	%D%/addr.h \
	%D%/channel.c \
	%D%/channel.h \
	%D%/connect.c \
	%D%/connect.h \
	%D%/error.c \
	%D%/error.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/listener.c \
	%D%/network.c \
	%D%/network.h \
	%D%/resolver.c \
	%D%/resolver.h \
	%D%/stream.c \
	%D%/stream.h \
	%D%/tls_bio.c \
	%D%/tls_client.c \
	%D%/tls_client.h \
	%D%/tls_error.c \
	%D%/tls_keylog.c \
	%D%/tls_keylog.h \
	%D%/tls_server.h \
	%D%/tls_stream.c \
	%D%/tls_stream.h \
	%D%/tls_stream_impl.h
src_net_libnet_a_SOURCES += \
	%D%/census.c \
	%D%/census.h \
	%D%/client_key.c \
	%D%/client_key.h \
	%D%/network_conf.c \
	%D%/network_conf.h \
	%D%/proxy_header.c \
	%D%/proxy_header.h \
	%D%/rate.c \
	%D%/rate.h
src_net_libnet_a_SOURCES += \
	%D%/cert.c \
	%D%/cert.h \
	%D%/certs.c \
	%D%/certs.h \
	%D%/client_ca.c \
	%D%/client_ca.h \
	%D%/client_hello.c \
	%D%/client_hello.h \
	%D%/leaf.c \
	%D%/leaf.h \
	%D%/ocsp.c \
	%D%/ocsp.h \
	%D%/text_index.c \
	%D%/text_index.h \
	%D%/ticket_keys.c \
	%D%/ticket_keys.h \
	%D%/tickets.c \
	%D%/tickets.h \
	%D%/tls_challenge.c \
	%D%/tls_challenge.h \
	%D%/tls_conf.c \
	%D%/tls_conf.h \
	%D%/tls_keeper.c \
	%D%/tls_keeper.h \
	%D%/tls_server.c \
	%D%/tls_server_impl.h
src_net_libnet_a_SOURCES += %D%/datagram.c %D%/datagram.h
