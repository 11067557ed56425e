# python3: modules compiled, an environment of its own, what a library does with files.
py=/usr/bin/python3
lib=$($py -c 'import json,os; print(os.path.dirname(os.path.dirname(json.__file__)))')
mkdir lib; cp -r $lib/json $lib/email lib/
$py -m compileall -q -f lib; [ -n "$(find lib -name '*.pyc')" ]
PYTHONPATH=lib $py -c 'import email.message, json; assert json.__file__.startswith("lib") or "/lib/" in json.__file__; json.loads("[1]")'
$py -m venv --without-pip --symlinks env; env/bin/python -c 'import sys; assert sys.prefix != sys.base_prefix'
cat >t.py <<'END'
import fcntl, mmap, os, pathlib, shelve, shutil, subprocess, tempfile, zipfile
with tempfile.TemporaryDirectory(dir='.') as d:
    p = pathlib.Path(d, 'f'); p.write_text('x' * 100000)
    with open(p, 'r+b') as f:
        m = mmap.mmap(f.fileno(), 0); m[5:9] = b'mmap'; m.flush(); m.close()
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        r = subprocess.run([os.sys.executable, '-c', 'import fcntl,sys\nf = open(sys.argv[1], "r+b")\nfcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)', str(p)], capture_output=True)
        assert r.returncode != 0 and b'BlockingIOError' in r.stderr, r
        os.ftruncate(f.fileno(), 10); assert p.read_bytes() == b'xxxxxmmapx', p.read_bytes()
    with zipfile.ZipFile(os.path.join(d, 'z'), 'w') as z: z.write(p, 'in')
    assert zipfile.ZipFile(os.path.join(d, 'z')).testzip() is None
    shutil.copytree('lib', os.path.join(d, 'copy'), symlinks=True)
    with tempfile.TemporaryFile(dir=d) as f: f.write(b'unnamed'); f.seek(0); assert f.read() == b'unnamed'
    with shelve.open(os.path.join(d, 's')) as s: s['a'] = [1, 2]
    with shelve.open(os.path.join(d, 's')) as s: assert s['a'] == [1, 2]
    os.replace(p, os.path.join(d, 'g')); assert sum(len(f) for _, _, f in os.walk(d)) > 5
END
$py t.py
