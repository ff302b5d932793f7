demositedir = $(pkgdatadir)/demo-site
dist_demosite_DATA = %D%/demo-site/index.html %D%/demo-site/how.html %D%/demo-site/try.html \
	%D%/demo-site/style.css %D%/demo-site/icon.svg
demoimagesdir = $(demositedir)/images
dist_demoimages_DATA = %D%/demo-site/images/dusk.png %D%/demo-site/images/roads.svg
dist_pkglibexec_SCRIPTS = %D%/acme-hook
EXTRA_DIST += %D%/draw-picture
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/selvage.conf %D%/selvage-director.conf

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/selvaged %D%/completion/selvagectl \
	%D%/completion/selvage-director
dist_noinst_SCRIPTS += %D%/completion/test
TESTS += %D%/completion/test
