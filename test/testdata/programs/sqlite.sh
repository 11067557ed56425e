# sqlite3: two writers at once, in both journal modes, and death in mid-write.
writer() { n=0; while [ $n -lt 15 ]; do sqlite3 -cmd '.timeout 60000' $1 "begin immediate; insert into t values($2, $n); update c set n = n + 1; commit;" >/dev/null || return 1; n=$((n+1)); done; }
for mode in delete wal; do
	sqlite3 $mode "pragma journal_mode=$mode; create table t(who, n); create table c(n); insert into c values(0);" >/dev/null
	writer $mode 1 & one=$!
	writer $mode 2 & two=$!
	wait $one; wait $two
	[ "$(sqlite3 $mode 'select n from c; select count(*) from t; pragma integrity_check')" = "30
30
ok" ]
	for i in 1 2; do
		# Many small transactions until it is killed, at a time of its own.
		(echo 'begin; insert into t select 9, value from generate_series(1, 1000); commit;'; while :; do echo 'begin; insert into t values(3, zeroblob(5000)); update c set n = n + 1; commit;'; done) |
			{ exec sqlite3 -cmd '.timeout 60000' $mode >/dev/null 2>&1; } & pid=$!
		before=$(sqlite3 -cmd '.timeout 60000' $mode 'select n from c')
		until [ "$(sqlite3 -cmd '.timeout 60000' $mode 'select n from c')" -gt "$before" ]; do :; done
		kill -9 $pid; wait $pid 2>/dev/null || :
		[ "$(sqlite3 -cmd '.timeout 60000' $mode 'pragma integrity_check; select (select n from c) = (select count(*) from t where who <> 9)')" = "ok
1" ]
	done
done
