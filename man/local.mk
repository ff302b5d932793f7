dist_man_MANS += %D%/selvaged.8 %D%/selvagectl.1
