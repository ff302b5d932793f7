dist_noinst_SCRIPTS += %D%/hits
