# What cases work on, made on the host before the guest needs it. Sourced, not run. A case names its fixtures in a line
# "# needs: NAME..."; each is made once per lab, in $LAB_DIR/fixtures, from nothing but fixed seeds.

readonly FIXTURE_TREE_FILES=5200
readonly FIXTURE_PROJECT_UNITS=12

fixture() { [[ -e $LAB_DIR/fixtures/$1.made ]] || { "fixture_$1" "$LAB_DIR/fixtures" && touch "$LAB_DIR/fixtures/$1.made"; }; }

# tree.tar and tree.sums
fixture_tree() {
  "$LAB_DIR/bin/tree" "$1/tree" "$FIXTURE_TREE_FILES" 20261 || return
  ( . "$LAB_SOURCE/case.sh"; tree_sums "$1/tree" >"$1/tree.sums" )
  tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1600000000 -cf "$1/tree.tar" tree
}

# repository.git: a bare repository of some hundred files and a few dozen commits
fixture_repository() {
  local work=$1/repository i
  export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE="1600000000 +0000" GIT_COMMITTER_DATE="1600000000 +0000"
  local git=(git -C "$work" -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main -c gc.auto=0)
  "$LAB_DIR/bin/tree" "$work" 400 7 && "${git[@]}" init -q || return
  for ((i = 0; i < 24; i++)); do
    echo "change $i" >>"$work/changes"; head -c $((i * 5000)) /dev/zero | tr '\0' "$((i % 10))" >"$work/blob-$i"
    "${git[@]}" add -A && "${git[@]}" commit -qm "change $i" || return
  done
  git clone -q --bare "$work" "$1/repository.git"
}

# project/: a C program of a dozen units, a library and a Makefile with generated dependencies
fixture_project() {
  local dir=$1/project i
  mkdir -p "$dir"
  for ((i = 0; i < FIXTURE_PROJECT_UNITS; i++)); do
    printf '#include "unit.h"\n#include <stdio.h>\nint Unit%d(int x) { return x * %d + kBase; }\n' "$i" "$i" >"$dir/unit$i.c"
    echo "int Unit$i(int x);"
  done >"$dir/units.h"
  printf 'enum { kBase = 3 };\n#include "units.h"\n' >"$dir/unit.h"
  {
    printf '#include "unit.h"\n#include <stdio.h>\nint main(void) {\n  int sum = 0;\n'
    for ((i = 0; i < FIXTURE_PROJECT_UNITS; i++)); do echo "  sum += Unit$i(2);"; done
    printf '  printf("%%d\\n", sum);\n  return 0;\n}\n'
  } >"$dir/main.c"
  cat >"$dir/Makefile" <<'MAKE'
UNITS := $(patsubst %.c,%.o,$(wildcard unit*.c))
program: main.o libunits.a
	$(CC) -o $@ $^
libunits.a: $(UNITS)
	rm -f $@ && ar rcs $@ $^
%.o: %.c
	$(CC) -O1 -MMD -c -o $@ $<
	@echo $@ >>compiled
clean:
	rm -f *.o *.d *.a program compiled
-include *.d
MAKE
}
