# What is left when a program is killed that had started process groups: it is told of each by `+ ID` and `- ID` on its standard
# input, and when that ends it kills those that are left.
trap '' INT TERM HUP QUIT
groups=' '
while read -r what id; do
  case $what in
    +) groups="$groups$id " ;;
    -) case $groups in *" $id "*) groups="${groups%% "$id" *} ${groups#* "$id" }" ;; esac ;;
  esac
done
for id in $groups; do kill -KILL "-$id"; done
