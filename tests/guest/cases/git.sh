# git clone, fsck, a commit, a repack, and fsck again.
# quick: dev
# needs: repository
# limit: 300
export GIT_CONFIG_GLOBAL=/dev/null HOME=/run/work
git=(git -c safe.directory='*' -c user.name=t -c user.email=t@example.org)
must "${git[@]}" clone -q "file://$FIXTURES/repository.git" clone
remount_export
cd clone || fail "no clone"
must "${git[@]}" fsck --full --strict
same "HEAD" "$("${git[@]}" rev-parse HEAD)" "$("${git[@]}" -C "$FIXTURES/repository.git" rev-parse HEAD)"
same "git status" "$("${git[@]}" status --porcelain)" ""
checked "clone, fsck and clean status after a remount, $("${git[@]}" ls-files | wc -l) files"
must "${git[@]}" checkout -q -b topic HEAD~5
echo more >>changes
must "${git[@]}" commit -qam "more"
must "${git[@]}" checkout -q main
must "${git[@]}" merge -q -X ours topic -m merge
must "${git[@]}" gc -q
must "${git[@]}" fsck --full --strict
checked "branch, commit, merge, gc, fsck"
