# git: a repository with some history, cloned, merged, packed, checked.
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main one; cd one
for d in a b c; do mkdir $d; for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 >$d/$i; done; done
ln -s a/1 link; printf '#!/bin/sh\necho hook >>../hooked\n' >.git/hooks/post-commit; chmod +x .git/hooks/post-commit
git add .; git commit -qm first
git checkout -qb side; seq 7 >a/1; git mv b/2 b/new; git commit -qam side
git checkout -q main; seq 9 >c/9; git commit -qam main; git merge -q -m merge side
[ "$(git log --oneline | wc -l)" = 4 ] && [ "$(wc -l <../hooked)" = 3 ]
[ -z "$(git status --porcelain)" ]
cd ..; git clone -q one two; git clone -q --no-hardlinks "file://$PWD/one" three
cd two; echo more >>a/1; git stash -q; git stash pop -q; git commit -qam more; git push -q origin main:other
git gc -q --prune=now; git fsck --strict; git worktree add -q ../tree HEAD~1; [ -f ../tree/b/new ]
git grep -q 499 -- a; git rebase -q HEAD~1 --onto HEAD~1; git tag v1; git repack -adq
cd ../one; git fsck --strict; git gc -q; git diff --exit-code other main -- b; git branch -q -d side
