# gcc and make: a program of several files and a library, built by -j4 and run.
cat >Makefile <<'END'
objs = $(foreach i,1 2 3 4 5 6 7 8,f$(i).o)
prog: main.o libf.so libf.a ; gcc -o $@ main.o -L. -lf -Wl,-rpath,'$$ORIGIN'
libf.so: $(objs) ; gcc -shared -o $@ $^
libf.a: $(objs) ; ar rcs $@ $^
%.o: %.c f.h ; gcc -fPIC -g -c -o $@ $<
f%.c: ; echo '#include "f.h"' >$@; echo 'int f$*(void) { return $*; }' >>$@
END
echo 'int f1(void), f2(void), f3(void), f4(void), f5(void), f6(void), f7(void), f8(void);' >f.h
cat >main.c <<'END'
#include <stdio.h>
#include "f.h"
int main(void) { printf("%d\n", f1() + f2() + f3() + f4() + f5() + f6() + f7() + f8()); return 0; }
END
make -s -j4
[ "$(./prog)" = 36 ]
[ -z "$(make -j4 -n | grep gcc)" ]
touch f.h; make -s -j4; [ "$(./prog)" = 36 ]
gcc -static -o static main.c libf.a 2>/dev/null && [ "$(./static)" = 36 ] || :
objcopy --strip-all prog stripped; [ "$(./stripped)" = 36 ]; strip -g libf.so; [ "$(./prog)" = 36 ]
