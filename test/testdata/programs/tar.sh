# tar, rsync and setfattr: trees with links, holes, pipes, times and attributes there and back.
mkdir -p t/dir/deep t/empty; cd t
seq 1 20000 >big; : >none; ln big hard; ln -s big soft; ln -s /nowhere dangling; mkfifo pipe
truncate -s 3M holes; printf end | dd of=holes bs=1 seek=2000000 conv=notrunc status=none
touch -d '1999-12-31 23:59:59.123456789' big; chmod 640 big; chmod 1777 empty; touch -d '2005-05-05' dir
setfattr -n user.note -v 'a value' none
i=0; while [ $i -lt 200 ]; do echo $i >dir/deep/$i; i=$((i+1)); done
cd ..
tar --xattrs -cSf t.tar t; tar --xattrs -dSf t.tar; mkdir x; tar --xattrs -xSpf t.tar -C x
[ "$(cd t; find . -printf '%p %y %m %s %n %T@ %l\n' | sort)" = "$(cd x/t; find . -printf '%p %y %m %s %n %T@ %l\n' | sort)" ]
diff -r --no-dereference -x pipe t x/t
[ "$(getfattr --only-values -n user.note x/t/none)" = 'a value' ]
tar -czf t.tgz t; gzip -t t.tgz; tar -xzf t.tgz -C x --overwrite
there=$(mktemp -d /tmp/9rsync.XXXXXX); trap 'rm -rf $there' EXIT
rsync -aHAX --numeric-ids t/ $there/; [ -z "$(rsync -aHAXn --numeric-ids --delete -i t/ $there/)" ]
rm -rf t; rsync -aHAXS --numeric-ids $there/ t/; [ -z "$(rsync -aHAXnc --numeric-ids --delete -i $there/ t/)" ]
echo more >>t/big; rm t/dir/deep/7; rsync -aHAX --inplace --delete $there/ t/; cmp t/big $there/big; [ -f t/dir/deep/7 ]
[ "$(stat -c %i t/big)" = "$(stat -c %i t/hard)" ]
