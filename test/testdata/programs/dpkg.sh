# dpkg and dpkg-deb: a package is made, installed with its scripts, found in use, upgraded,
# left half-configured and mended, and removed; no other dpkg gets in meanwhile.
root=$PWD/root
mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates root/log
: >root/var/lib/dpkg/status
: >root/var/lib/dpkg/available
d() { dpkg --root="$root" --log="$root/log/dpkg" --force-not-root,script-chrootless,confold "$@" >out 2>&1 || { r=$?; cat out; return $r; }; }

# made makes version $1 of it.
made() {
	mkdir -p p/DEBIAN p/usr/share/p p/etc
	printf '%s\n' 'Package: p' "Version: $1" 'Architecture: all' 'Maintainer: Nobody <nobody@localhost>' 'Description: none' >p/DEBIAN/control
	echo /etc/p.conf >p/DEBIAN/conffiles
	for s in preinst postinst prerm postrm; do
		printf '%s\n' '#!/bin/sh -e' "echo \"\$DPKG_MAINTSCRIPT_NAME $1 \$1\" >>'$root/log/scripts'" \
			"dpkg --root='$root' --force-not-root --configure -a 2>>'$root/log/locked' && exit 1" \
			"test \"\$DPKG_MAINTSCRIPT_NAME\" != postinst || test ! -e '$root/log/fail'" >p/DEBIAN/$s
		chmod 755 p/DEBIAN/$s
	done
	for i in $(seq 300); do echo "$1 $i" >p/usr/share/p/$i; done
	ln -f p/usr/share/p/1 p/usr/share/p/hard
	ln -sf 1 p/usr/share/p/soft
	echo "$1" >p/etc/p.conf
	dpkg-deb -Znone -b p p_$1.deb >/dev/null
	rm -r p
}
made 1
made 2

d -i p_1.deb
test "$(cat root/usr/share/p/soft root/usr/share/p/300)" = "1 1
1 300"
test root/usr/share/p/hard -ef root/usr/share/p/1
d -V p
d -L p
test "$(wc -l <out)" -ge 305

echo mine >root/etc/p.conf
: >root/log/fail
if d -i p_2.deb >/dev/null; then echo 'a script failed, and dpkg did not'; exit 1; fi
test "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Status} ${Version}' p)" = 'install ok half-configured 2'
rm root/log/fail
d --configure -a
d --audit
test ! -s out
test "$(cat root/etc/p.conf root/etc/p.conf.dpkg-dist root/usr/share/p/300)" = "mine
2
2 300"
d -P p
test ! -e root/usr/share/p
test ! -e root/etc/p.conf
test "$(cat root/log/scripts)" = "preinst 1 install
postinst 1 configure
prerm 1 upgrade
preinst 2 upgrade
postrm 1 upgrade
postinst 2 configure
postinst 2 configure
prerm 2 remove
postrm 2 remove
postrm 2 purge"
test "$(grep -c 'lock was locked by another process' root/log/locked)" = 10
