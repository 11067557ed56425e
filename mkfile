# mk (Debian's 9base: /usr/lib/plan9/bin/mk) for those whose fingers know it.
# Each target is one plain command; README.md gives the command beside it.

PREFIX=$HOME
BENCH=9p
IMAGE=

all:V:
	CGO_ENABLED=0 go build -o nine .

up:V:
	go run . up

test:V:
	go run ./test

check:V:
	go run ./test -n

bench:V:
	go run ./test/bench/$BENCH

image:V:
	CGO_ENABLED=0 go build -trimpath '-ldflags=-s -w' -o nine . && ./nine initramfs -o node.cpio.zst $IMAGE

man:V:
	go run . man

install:V:
	mkdir -p $PREFIX/bin && CGO_ENABLED=0 go build -o $PREFIX/bin/nine .

nuke:V:
	rm -f nine node.cpio.zst
