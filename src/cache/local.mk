noinst_LIBRARIES += src/cache/libcache.a
src_cache_libcache_a_SOURCES = \
	%D%/beginning.c %D%/cache.c %D%/conf.c %D%/conf.h %D%/spec.c %D%/spec.h %D%/cache.h %D%/cache_impl.h \
	%D%/admission.c %D%/admission.h \
	%D%/chunk.c %D%/chunk.h \
	%D%/disk_batch.c %D%/disk_batch.h %D%/disk_tier.c %D%/disk_tier.h %D%/disk_tier_impl.h %D%/disk_write.c %D%/disk_write.h \
	%D%/duel.c %D%/duel.h \
	%D%/eviction.c %D%/eviction.h \
	%D%/fill.c %D%/fill.h %D%/fill_impl.h %D%/fill_window.c \
	%D%/spill.c %D%/spill.h %D%/reader_slices.c \
	%D%/flights.c %D%/flights.h \
	%D%/fresh.c %D%/fresh.h \
	%D%/ghosts.c %D%/ghosts.h \
	%D%/image.c %D%/image.h \
	%D%/index.c %D%/index.h \
	%D%/content.c %D%/content.h %D%/inventory.c %D%/inventory.h %D%/key.c %D%/key.h \
	%D%/load.c %D%/load.h \
	%D%/memory.c %D%/memory.h \
	%D%/object.c %D%/object.h \
	%D%/options.c %D%/options.h \
	%D%/policy.c %D%/policy.h %D%/reasons.tbl \
	%D%/label.c %D%/label.h %D%/tags.c %D%/tags.h \
	%D%/purge.c %D%/purge.h %D%/purge_impl.h \
	%D%/purge_journal.c %D%/purge_journal.h \
	%D%/purge_prefixes.c %D%/purge_prefixes.h \
	%D%/purge_table.c %D%/purge_table.h \
	%D%/reader.c %D%/reader.h %D%/reader_parts.c \
	%D%/unread.c %D%/unread.h \
	%D%/slab.c %D%/slab.h \
	%D%/slice.c %D%/slice.h \
	%D%/status.c %D%/status.h \
	%D%/text.h \
	%D%/volumes.c %D%/volumes.h %D%/update.c %D%/update.h \
	%D%/vary.c %D%/vary.h \
	%D%/vary_codings.c %D%/vary_codings.h \
	%D%/vary_value.c %D%/vary_value.h
