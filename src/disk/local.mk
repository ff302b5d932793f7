noinst_LIBRARIES += src/disk/libdisk.a
src_disk_libdisk_a_SOURCES = \
	%D%/cached.c \
	%D%/cached.h \
	%D%/checkpoint.c \
	%D%/checkpoint.h \
	%D%/crew.c \
	%D%/crew.h \
	%D%/disk.c \
	%D%/disk.h \
	%D%/disk_impl.h \
	%D%/format.c \
	%D%/format.h \
	%D%/index.c \
	%D%/index.h \
	%D%/io.c \
	%D%/io.h \
	%D%/keeper.c \
	%D%/keeper.h \
	%D%/readers.c \
	%D%/readers.h \
	%D%/recovery.c \
	%D%/recovery.h \
	%D%/ring.c \
	%D%/ring.h \
	%D%/segment.c \
	%D%/segment.h \
	%D%/verify.c \
	%D%/verify.h \
	%D%/volume.c \
	%D%/volume.h \
	%D%/walk.c \
	%D%/walk.h \
	%D%/writer.c \
	%D%/writer.h
