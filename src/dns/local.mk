noinst_LIBRARIES += src/dns/libdns.a
src_dns_libdns_a_SOURCES = \
	%D%/cookie.h \
	%D%/denial.h \
	%D%/dnskey.h \
	%D%/dnssec.h \
	%D%/ede.tbl \
	%D%/edns.h \
	%D%/name.h \
	%D%/query.h \
	%D%/rcodes.tbl \
	%D%/rdata.h \
	%D%/rrset.h \
	%D%/types.c \
	%D%/types.h \
	%D%/types.tbl \
	%D%/writer.h
