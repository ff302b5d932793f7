# End to end tests: the real daemon, clients and origins of the tests' own. `make check-e2e` runs
# them against this build; E2E=... adds pytest arguments, for example E2E='-k collapse'.
E2E =
dist_noinst_SCRIPTS += tests/proof/range_storm tests/proof/slow_clients
EXTRA_DIST += %D%/certs.py %D%/test_tls_delivery.py %D%/test_tls_origin.py
EXTRA_DIST += \
	%D%/browser.py \
	%D%/clock.webm \
	%D%/codings.py \
	%D%/conftest.py \
	%D%/edge.py \
	%D%/nameserver.py \
	%D%/origin.py \
	%D%/pytest.ini \
	%D%/ranges.py \
	%D%/streams.py \
	%D%/test_acme.py \
	%D%/test_browser.py \
	%D%/test_browser_tls.py \
	%D%/test_cache_status.py \
	%D%/test_codings.py \
	%D%/test_collapse.py \
	%D%/test_conditional.py \
	%D%/test_config.py \
	%D%/test_control.py \
	%D%/test_crash.py \
	%D%/test_device.py \
	%D%/test_director_map.py \
	%D%/test_disk.py \
	%D%/test_disk_faults.py \
	%D%/test_disk_stream.py \
	%D%/test_explain.py \
	%D%/test_export.py \
	%D%/test_files.py \
	%D%/test_fill.py \
	%D%/test_forwarding.py \
	%D%/test_get_geo_database.py \
	%D%/test_hardening.py \
	%D%/test_hardening_origin.py \
	%D%/test_harness.py \
	%D%/test_hits.py \
	%D%/test_incomplete.py \
	%D%/test_limits.py \
	%D%/test_listing.py \
	%D%/test_load.py \
	%D%/test_logs.py \
	%D%/test_memory.py \
	%D%/test_messages.py \
	%D%/test_mirror.py \
	%D%/test_names.py \
	%D%/test_origin_failures.py \
	%D%/test_purge.py \
	%D%/test_range_storm.py \
	%D%/test_ranges.py \
	%D%/test_reload.py \
	%D%/test_rfc9111.py \
	%D%/test_signals.py \
	%D%/test_sites.py \
	%D%/test_slices.py \
	%D%/test_stale.py \
	%D%/test_start.py \
	%D%/test_storing.py \
	%D%/test_storm.py \
	%D%/test_tags.py \
	%D%/test_variants.py \
	%D%/test_volume.py \
	%D%/test_websocket.py \
	%D%/test_websocket_h2.py \
	%D%/waiting.py \
	%D%/warc.py \
	%D%/webm.py \
	%D%/wire.py
EXTRA_DIST += %D%/test_admit.py %D%/test_forms.py %D%/test_slow_clients.py %D%/test_proxy_header.py
EXTRA_DIST += %D%/h2wire.py %D%/test_h2.py %D%/test_h2_attacks.py

EXTRA_DIST += %D%/test_tls.py
EXTRA_DIST += %D%/director.py %D%/test_director_dns.py %D%/test_director_dnspython.py %D%/test_director_ednscomp.py %D%/test_director_transport.py

.PHONY: check-e2e
check-e2e: all
	SELVAGE_BUILD='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 -m pytest -q $(E2E) $(top_srcdir)/%D%
EXTRA_DIST += %D%/test_director_redirect.py %D%/test_director_page.py %D%/test_director_ctl.py
EXTRA_DIST += %D%/dnssec.py %D%/test_director_dnssec.py
EXTRA_DIST += %D%/zonemodel.py %D%/test_director_answers.py %D%/test_director_steered.py %D%/test_director_zones.py
EXTRA_DIST += %D%/test_director_health.py
EXTRA_DIST += %D%/test_director_metrics.py
