# A base made on this machine by debootstrap, for where no registry is reached.
FROM scratch
ADD rootfs.tar /
