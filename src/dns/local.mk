noinst_LIBRARIES += src/dns/libdns.a
src_dns_libdns_a_SOURCES = \
	%D%/cookie.c \
	%D%/cookie.h \
	%D%/denial.c \
	%D%/denial.h \
	%D%/dnskey.c \
	%D%/dnskey.h \
	%D%/dnssec.c \
	%D%/dnssec.h \
	%D%/edns.c \
	%D%/edns.h \
	%D%/name.c \
	%D%/name.h \
	%D%/query.c \
	%D%/query.h \
	%D%/rcodes.tbl \
	%D%/rdata.c \
	%D%/rdata.h \
	%D%/rdata_words.c \
	%D%/rrset.c \
	%D%/rrset.h \
	%D%/siphash.c \
	%D%/siphash.h \
	%D%/svcb.c \
	%D%/svcb.h \
	%D%/types.c \
	%D%/types.h \
	%D%/types.tbl \
	%D%/wire.h \
	%D%/writer.c \
	%D%/words.c \
	%D%/words.h \
	%D%/writer.h
