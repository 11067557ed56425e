# bash and flock: what shell scripts do with files.
cat >s.bash <<'END'
set -eu
cat >here <<-EOT
	one $((1+1))
	EOT
[ "$(<here)" = "one 2" ]
for i in {1..50}; do echo $i >>list; done
[ "$(wc -l <list)" = 50 ]
diff <(sort -rn list) <(tac list)
exec 3<>rw; echo text >&3; exec 3>&-
exec 3<rw; read -r line <&3; [ "$line" = text ]; exec 3<&-
mkfifo p; (echo through >p) & read -r line <p; wait; [ "$line" = through ]
touch -d '2001-01-01' old; [ list -nt old ]; [ old -ot list ]; ln list hard; [ list -ef hard ]
mkdir -p a/b/c; cd a/b/c; cd ../..; [ "$(basename "$PWD")" = a ]; cd ..
shopt -s globstar; touch a/b/x.c a/b/c/y.c; set -- **/*.c; [ $# = 2 ]
set -C; if (echo no >list) 2>/dev/null; then exit 1; fi; set +C
echo 'echo ran $1' >prog; chmod +x prog; sed -i '1i#!/bin/bash' prog; [ "$(./prog it)" = "ran it" ]
trap 'echo gone >trapped' EXIT
END
bash s.bash
[ "$(cat trapped)" = gone ]
rm p
find . -type f | sort >all; xargs stat -c %s <all >/dev/null; grep -rq through . || :
cp -a . ../copy; diff -r . ../copy; rm -rf ../copy
n=0; while [ $n -lt 40 ]; do flock -n lock true; n=$((n+1)); done
