EXTRA_DIST += %D%/hit-ratio.md %D%/engine.md %D%/serving.md %D%/conformance.md %D%/tour.md %D%/glossary.md %D%/dependencies.md %D%/director.md %D%/dnssec.md %D%/geo-map.md \
	%D%/decisions/0001-one-process-many-workers.md %D%/decisions/0002-fills-are-followed.md \
	%D%/decisions/0003-own-configuration-language.md \
	%D%/decisions/0004-the-scheme-is-in-the-key.md
