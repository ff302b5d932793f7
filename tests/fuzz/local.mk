# Fuzz targets. fuzz_NAME.c defines LLVMFuzzerTestOneInput(); its seeds stand in corpus/NAME/.
# With --enable-fuzzing (clang) the programs are libFuzzer ones; otherwise each is linked with
# replay.c, which runs the corpus once, and is part of `make check`.
#
# For each target NAME of a layer add below:
#
#   FUZZ += %D%/fuzz_NAME
#   %C%_fuzz_NAME_SOURCES = %D%/fuzz_NAME.c $(FUZZ_MAIN)
#   %C%_fuzz_NAME_LDADD = $(LIBS_LAYER)
#   %C%_fuzz_NAME_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
FUZZ =
FUZZ_MAIN =
FUZZ_LDFLAGS =
EXTRA_DIST += %D%/replay.c %D%/run-corpus
if FUZZING
FUZZ_LDFLAGS += -fsanitize=fuzzer
else
FUZZ_MAIN += %D%/replay.c
TESTS += %D%/run-corpus
endif

check_PROGRAMS += $(FUZZ)
# `make fuzzers` builds them all and runs none.
.PHONY: fuzzers
fuzzers: $(FUZZ)
AM_TESTS_ENVIRONMENT = FUZZ_PROGRAMS='$(FUZZ)'; export FUZZ_PROGRAMS; \
	top_srcdir='$(top_srcdir)'; export top_srcdir;

FUZZ += %D%/fuzz_conf
%C%_fuzz_conf_SOURCES = %D%/fuzz_conf.c tests/unit/conf/demo.c tests/unit/conf/demo.h $(FUZZ_MAIN)
%C%_fuzz_conf_LDADD = $(LIBS_CONF)
%C%_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/conf

FUZZ += %D%/fuzz_cache_control
%C%_fuzz_cache_control_SOURCES = %D%/fuzz_cache_control.c $(FUZZ_MAIN)
%C%_fuzz_cache_control_LDADD = $(LIBS_HTTP)
%C%_fuzz_cache_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/cache_control

FUZZ += %D%/fuzz_chunked
%C%_fuzz_chunked_SOURCES = %D%/fuzz_chunked.c $(FUZZ_MAIN)
%C%_fuzz_chunked_LDADD = $(LIBS_HTTP)
%C%_fuzz_chunked_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/chunked

FUZZ += %D%/fuzz_date
%C%_fuzz_date_SOURCES = %D%/fuzz_date.c $(FUZZ_MAIN)
%C%_fuzz_date_LDADD = $(LIBS_HTTP)
%C%_fuzz_date_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/date

FUZZ += %D%/fuzz_fields
%C%_fuzz_fields_SOURCES = %D%/fuzz_fields.c $(FUZZ_MAIN)
%C%_fuzz_fields_LDADD = $(LIBS_HTTP)
%C%_fuzz_fields_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/fields

FUZZ += %D%/fuzz_file_path
%C%_fuzz_file_path_SOURCES = %D%/fuzz_file_path.c $(FUZZ_MAIN)
%C%_fuzz_file_path_LDADD = $(LIBS_ORIGIN)
%C%_fuzz_file_path_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/file_path

FUZZ += %D%/fuzz_h1_request
%C%_fuzz_h1_request_SOURCES = %D%/fuzz_h1_request.c %D%/fuzz_h1.h $(FUZZ_MAIN)
%C%_fuzz_h1_request_LDADD = $(LIBS_HTTP)
%C%_fuzz_h1_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/h1_request

FUZZ += %D%/fuzz_h1_response
%C%_fuzz_h1_response_SOURCES = %D%/fuzz_h1_response.c %D%/fuzz_h1.h $(FUZZ_MAIN)
%C%_fuzz_h1_response_LDADD = $(LIBS_HTTP)
%C%_fuzz_h1_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/h1_response

FUZZ += %D%/fuzz_multipart
%C%_fuzz_multipart_SOURCES = %D%/fuzz_multipart.c $(FUZZ_MAIN)
%C%_fuzz_multipart_LDADD = $(LIBS_HTTP)
%C%_fuzz_multipart_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/multipart

FUZZ += %D%/fuzz_range
%C%_fuzz_range_SOURCES = %D%/fuzz_range.c $(FUZZ_MAIN)
%C%_fuzz_range_LDADD = $(LIBS_HTTP)
%C%_fuzz_range_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/range

FUZZ += %D%/fuzz_sfv
%C%_fuzz_sfv_SOURCES = %D%/fuzz_sfv.c $(FUZZ_MAIN)
%C%_fuzz_sfv_LDADD = $(LIBS_HTTP)
%C%_fuzz_sfv_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/sfv

FUZZ += %D%/fuzz_uri
%C%_fuzz_uri_SOURCES = %D%/fuzz_uri.c $(FUZZ_MAIN)
%C%_fuzz_uri_LDADD = $(LIBS_HTTP)
%C%_fuzz_uri_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/uri

FUZZ += %D%/fuzz_policy
%C%_fuzz_policy_SOURCES = %D%/fuzz_policy.c %D%/fuzz_lines.h $(FUZZ_MAIN)
%C%_fuzz_policy_LDADD = $(LIBS_CACHE)
%C%_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/policy %D%/policy.dict

FUZZ += %D%/fuzz_vary
%C%_fuzz_vary_SOURCES = %D%/fuzz_vary.c %D%/fuzz_lines.h $(FUZZ_MAIN)
%C%_fuzz_vary_LDADD = $(LIBS_CACHE)
%C%_fuzz_vary_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/vary %D%/vary.dict

FUZZ += %D%/fuzz_purge_order
%C%_fuzz_purge_order_SOURCES = %D%/fuzz_purge_order.c $(FUZZ_MAIN)
%C%_fuzz_purge_order_LDADD = $(LIBS_EDGE)
%C%_fuzz_purge_order_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/purge_order

FUZZ += %D%/fuzz_accept_encoding
%C%_fuzz_accept_encoding_SOURCES = %D%/fuzz_accept_encoding.c %D%/fuzz_lines.h $(FUZZ_MAIN)
%C%_fuzz_accept_encoding_LDADD = $(LIBS_HTTP)
%C%_fuzz_accept_encoding_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/accept_encoding

FUZZ += %D%/fuzz_media_type
%C%_fuzz_media_type_SOURCES = %D%/fuzz_media_type.c $(FUZZ_MAIN)
%C%_fuzz_media_type_LDADD = $(LIBS_HTTP)
%C%_fuzz_media_type_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/media_type

FUZZ += %D%/fuzz_decode
%C%_fuzz_decode_SOURCES = %D%/fuzz_decode.c $(FUZZ_MAIN)
%C%_fuzz_decode_LDADD = $(LIBS_CODING)
%C%_fuzz_decode_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/decode

FUZZ += %D%/fuzz_tags
%C%_fuzz_tags_SOURCES = %D%/fuzz_tags.c %D%/fuzz_lines.h $(FUZZ_MAIN)
%C%_fuzz_tags_LDADD = $(LIBS_CACHE)
%C%_fuzz_tags_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/tags

FUZZ += %D%/fuzz_disk_format
%C%_fuzz_disk_format_SOURCES = %D%/fuzz_disk_format.c $(FUZZ_MAIN)
%C%_fuzz_disk_format_LDADD = $(LIBS_DISK)
%C%_fuzz_disk_format_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/disk_format

FUZZ += %D%/fuzz_proxy_header
%C%_fuzz_proxy_header_SOURCES = %D%/fuzz_proxy_header.c $(FUZZ_MAIN)
%C%_fuzz_proxy_header_LDADD = $(LIBS_NET)
%C%_fuzz_proxy_header_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/proxy_header

FUZZ += %D%/fuzz_signature
%C%_fuzz_signature_SOURCES = %D%/fuzz_signature.c $(FUZZ_MAIN)
%C%_fuzz_signature_LDADD = $(LIBS_EDGE)
%C%_fuzz_signature_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/signature

FUZZ += %D%/fuzz_h2
%C%_fuzz_h2_SOURCES = %D%/fuzz_h2.c $(FUZZ_MAIN)
%C%_fuzz_h2_LDADD = $(LIBS_SESSION)
%C%_fuzz_h2_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/h2

FUZZ += %D%/fuzz_tls_parse
%C%_fuzz_tls_parse_SOURCES = %D%/fuzz_tls_parse.c $(FUZZ_MAIN)
%C%_fuzz_tls_parse_LDADD = $(LIBS_NET)
%C%_fuzz_tls_parse_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/tls_parse

FUZZ += %D%/fuzz_probe_response
%C%_fuzz_probe_response_SOURCES = %D%/fuzz_probe_response.c $(FUZZ_MAIN)
%C%_fuzz_probe_response_LDADD = $(LIBS_HEALTH)
%C%_fuzz_probe_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/probe_response

FUZZ += %D%/fuzz_dns_key
%C%_fuzz_dns_key_SOURCES = %D%/fuzz_dns_key.c $(FUZZ_MAIN)
%C%_fuzz_dns_key_LDADD = $(LIBS_DNS)
%C%_fuzz_dns_key_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/dns_key

FUZZ += %D%/fuzz_dns_name
%C%_fuzz_dns_name_SOURCES = %D%/fuzz_dns_name.c $(FUZZ_MAIN)
%C%_fuzz_dns_name_LDADD = $(LIBS_DNS)
%C%_fuzz_dns_name_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/dns_name

FUZZ += %D%/fuzz_dns_query
%C%_fuzz_dns_query_SOURCES = %D%/fuzz_dns_query.c tests/unit/dns/message.h $(FUZZ_MAIN)
%C%_fuzz_dns_query_LDADD = $(LIBS_DNS)
%C%_fuzz_dns_query_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/dns_query

FUZZ += %D%/fuzz_dns_rdata
%C%_fuzz_dns_rdata_SOURCES = %D%/fuzz_dns_rdata.c tests/unit/dns/message.h $(FUZZ_MAIN)
%C%_fuzz_dns_rdata_LDADD = $(LIBS_DNS)
%C%_fuzz_dns_rdata_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/dns_rdata

FUZZ += %D%/fuzz_client_chain
%C%_fuzz_client_chain_SOURCES = %D%/fuzz_client_chain.c $(FUZZ_MAIN)
%C%_fuzz_client_chain_LDADD = $(LIBS_DIRECTOR)
%C%_fuzz_client_chain_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/client_chain

# Its seeds are of MaxMind's test data (LICENSE-MIT beside them) and of tests/data/mmdb.
FUZZ += %D%/fuzz_geo_map
%C%_fuzz_geo_map_SOURCES = %D%/fuzz_geo_map.c $(FUZZ_MAIN)
%C%_fuzz_geo_map_LDADD = $(LIBS_GEO)
%C%_fuzz_geo_map_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/geo_map

FUZZ += %D%/fuzz_zone
%C%_fuzz_zone_SOURCES = %D%/fuzz_zone.c tests/unit/director/zones.h tests/unit/dns/message.h $(FUZZ_MAIN)
%C%_fuzz_zone_LDADD = $(LIBS_DIRECTOR)
%C%_fuzz_zone_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += %D%/corpus/zone %D%/zone.dict
