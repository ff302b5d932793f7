noinst_LIBRARIES += src/disk/libdisk.a
src_disk_libdisk_a_SOURCES = \
	%D%/disk.h \
	%D%/format.h \
	%D%/index.c %D%/index.h \
	%D%/io.c %D%/io.h \
	%D%/volume.h
