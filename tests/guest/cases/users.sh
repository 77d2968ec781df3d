# chmod, chown, umask, sticky and set-id bits as two different users.
# quick: dev
# limit: 120
must chmod 777 .
must as $ALICE bash -c 'umask 077; echo secret >private; mkdir closed; echo x >closed/x; umask 022; echo open >public'
same "owner and mode under umask 077" "$(stat -c '%u %g %a' private)" "$ALICE $ALICE 600"
same "directory under umask 077" "$(stat -c %a closed)" 700
same "mode under umask 022" "$(stat -c %a public)" 644
must_fail as $BOB cat private; must_fail as $BOB ls closed; must_fail as $BOB cat closed/x
must_fail as $BOB bash -c 'echo x >>public'
same "Bob reads what is open" "$(as $BOB cat public)" open
must_fail as $BOB chmod 666 public; must_fail as $BOB touch -d @1 public; must_fail as $BOB chown $BOB public
must_fail as $ALICE chown $BOB public
checked "umask; nobody else reads, writes, changes or gives away"
must as $ALICE chmod 640 public
must_fail as $BOB cat public
must chown $ALICE:$BOB public
same "Bob reads by group" "$(as $BOB cat public)" open
must as $ALICE chmod 604 public
must_fail as $BOB cat public
checked "the group's bits decide for the group, also when others may more"
same "16 groups" "$(setpriv --reuid $BOB --regid $BOB --groups 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,$ALICE -- \
  bash -c 'echo grouped >g && chgrp 4001 g && stat -c %g g')" $ALICE
checked "a supplementary group counts"

must mkdir sticky; must chmod 1777 sticky
must as $ALICE bash -c 'echo a >sticky/a'; must as $BOB bash -c 'echo b >sticky/b'
must_fail as $BOB rm -f sticky/a; must_fail as $BOB mv sticky/a sticky/c; must_fail as $BOB mv sticky/b sticky/a
must as $BOB rm sticky/b; must as $ALICE mv sticky/a sticky/z
checked "sticky: only the owner removes and renames"

must mkdir shared; must chown $ALICE:$BOB shared; must chmod 2775 shared
must as $BOB bash -c 'echo x >shared/f; mkdir shared/d'
same "group of a file in a set-gid directory" "$(stat -c %g shared/f)" $BOB
must as $ALICE bash -c 'echo x >shared/g'
same "group that is inherited" "$(stat -c %g shared/g)" $BOB
same "set-gid is inherited by directories" "$(stat -c %a shared/d | cut -c1)" 2
must as $ALICE cp /bin/true suid; must as $ALICE chmod 6755 suid
same "set-id mode" "$(stat -c %a suid)" 6755
must chown $BOB suid
same "chown drops set-id" "$(stat -c %a suid)" 755
must as $BOB bash -c 'chmod 4777 suid'
must as $ALICE bash -c 'echo x >>suid'
same "another's write drops set-id" "$(stat -c %a suid)" 777
remount_export
same "modes after a remount" "$(stat -c '%a %u %g' public shared suid | tr '\n' ' ')" \
  "604 $ALICE $BOB 2775 $ALICE $BOB 777 $BOB $ALICE "
checked "set-gid directories, set-id bits dropped by chown and by writes"
