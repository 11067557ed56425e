# vim and tmux: an edit with its swap file, and one that is lost and recovered.
export TERM=screen HOME=$PWD SHELL=/bin/sh # for tmux, that would ask /etc/passwd: nobody may not log in
sock=one
tm() { tmux -S $sock -f /dev/null "$@"; }
until_true() { n=0; until eval "$1"; do n=$((n+1)); if [ $n -gt 400 ]; then echo "never: $1"; tm capture-pane -p; tm kill-server; exit 1; fi; sleep 0.02; done; }
shown() { tm capture-pane -p | grep -q -- "$1"; }
echo first >file
tm new-session -d -x 80 -y 24 vim -N -u NONE -i NONE file
until_true 'shown first'
tm send-keys Gosecond Escape
until_true 'shown second'
[ -f .file.swp ]
tm send-keys :w Enter
until_true '[ "$(tail -1 file)" = second ]'
tm send-keys :q Enter
until_true '! tm has-session 2>/dev/null'
[ ! -e .file.swp ]
sock=two # as the first server may be about to end, and would take this session with it
tm new-session -d -x 80 -y 24 'echo $$ >pid; exec vim -N -u NONE -i NONE file'
until_true 'shown second'
tm send-keys Golost Escape :preserve Enter
until_true 'shown preserved'
kill -9 $(cat pid)
until_true '! tm has-session 2>/dev/null'
vim -N -u NONE -i NONE -es -r file -c wq </dev/null >/dev/null 2>&1 || :
[ "$(tail -1 file)" = lost ]
