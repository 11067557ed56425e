# tail, flock, cp and find: files looked at while others change them.
echo first >log
tail -n +1 -s .1 -f log >followed &
until grep -q first followed; do sleep .05; done
echo second >>log
until grep -q second followed; do sleep .05; done
kill $!

# A lock orders who counts.
echo 0 >n
for i in 1 2 3; do
	(for j in $(seq 20); do flock n sh -c 'read n <n; echo $((n + 1)) >n'; done) &
done
wait || :
[ $(cat n) = 60 ]

mkdir from
for i in $(seq 200); do echo $i >from/$i; done
find from -name '1*' -exec sh -c 'for f; do mv "$f" "$f.x"; done' sh {} +
[ $(find from -name '*.x' | wc -l) = 111 ]
ln from/2 from/linked; ln -s 3 from/link; mkfifo from/fifo; touch -d 2001-02-03T04:05:06.789 from/4
cp -a from copied
diff -r --no-dereference -x fifo from copied
[ -p copied/fifo ] && [ copied/2 -ef copied/linked ] && [ "$(stat -c %y copied/4)" = "$(stat -c %y from/4)" ]
