# Completion of lomi for bash, written from the program by `make completions`: change nothing here.
# Load it with: source <(lomi completion bash)

# What a command takes: the names below it, its options, what these and its arguments want.
_lomi_table() {
  case $1 in
    '')
      children='moderate demo init up status env down check doctor e2e worker scale autoscale top report reconcile completion help alerts workers review remoderate media audit privacy retention queue jobs metrics migrate backup deploy bench models policy config'
      options='--env --debug --version -V --help -h'
      values='--env=@profiles'
      arguments='' ;;
    'moderate')
      children=''
      options='--model --policy --annotate --objects --output -o --env --config --env-file --data --help -h'
      values='--model=@models --policy=@policies --annotate=@folders --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@files' ;;
    'demo')
      children=''
      options='--keep --timeout --output -o --env --config --env-file --data --help -h'
      values='--timeout= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@files' ;;
    'init')
      children=''
      options='--env --env-file --compose --config --yes --dry-run --force --output -o --help -h'
      values='--env=@profiles --env-file=@files --compose=@files --config=@files --output=text|json|jsonl -o=text|json|jsonl'
      arguments='' ;;
    'up')
      children=''
      options='--workers --output -o --env --config --env-file --data --help -h'
      values='--workers= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'status')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'env')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'down')
      children=''
      options='--purge --env --config --env-file --data --help -h'
      values='--env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'check')
      children=''
      options='--only --skip --scope --deep --wait --watch --timeout --fail-on --output -o --output-file --bundle --list --env --config --env-file --data --help -h'
      values='--only=@checks --skip=@checks --scope=pre-deploy|post-deploy|worker --wait= --watch= --timeout= --fail-on= --output=text|short|json|jsonl|junit|nagios|prom|github -o=text|short|json|jsonl|junit|nagios|prom|github --output-file=@files --bundle=@files --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'doctor')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=flow|workers|compreface|rejections' ;;
    'e2e')
      children=''
      options='--via --timeout --keep --clean --dry-run --fail-on --as --output -o --env --config --env-file --data --help -h'
      values='--via=direct|backend --timeout= --fail-on=fail|warning --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='= *=@files' ;;
    'worker')
      children=''
      options='--policy --slots --healthcheck --health-file --env --config --env-file --data --help -h'
      values='--policy=@policies --slots= --health-file=@files --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'scale')
      children=''
      options='--service --dry-run --timeout --force --keep --yes --reason --as --output -o --env --config --env-file --data --help -h'
      values='--service= --timeout= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'autoscale')
      children=''
      options='--min --max --once --dry-run --enforce --quiet -q --history --limit --as --output -o --env --config --env-file --data --help -h'
      values='--min= --max= --limit= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'top')
      children=''
      options='--once --every --write --replay --recording --no-record --output -o --env --config --env-file --data --help -h'
      values='--every= --recording=@files --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'report')
      children=''
      options='--window --tz --output -o --to --quiet -q --send --objects --fail-if --env --config --env-file --data --help -h'
      values='--window= --tz= --output=text|json|jsonl|csv|markdown|html -o=text|json|jsonl|csv|markdown|html --to=@files --send= --fail-if= --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=summary|rejections|uploads|latency|errors|growth|workers|queue|takedowns|thresholds|quality' ;;
    'reconcile')
      children=''
      options='--dry-run --older-than --limit --include-dead --objects --as --output -o --env --config --env-file --data --help -h'
      values='--older-than= --limit= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'completion')
      children=''
      options='--help -h'
      values=''
      arguments='=bash|zsh|fish' ;;
    'help')
      children=''
      options='--help -h'
      values=''
      arguments='=@topics' ;;
    'alerts')
      children='rules list ack silence unsilence show check run test'
      options='--help -h'
      values=''
      arguments='' ;;
    'alerts rules')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl|prometheus -o=text|json|jsonl|prometheus --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'alerts list')
      children=''
      options='--since --limit --output -o --env --config --env-file --data --help -h'
      values='--since= --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'alerts ack')
      children=''
      options='--until-resolved --reason --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'alerts silence')
      children=''
      options='--for --reason --as --output -o --env --config --env-file --data --help -h'
      values='--for= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'alerts unsilence')
      children=''
      options='--as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'alerts show')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'alerts check')
      children=''
      options='--quiet -q --output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'alerts run')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'alerts test')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=' ;;
    'workers')
      children='list inspect logs quiet resume restart'
      options='--help -h'
      values=''
      arguments='' ;;
    'workers list')
      children=''
      options='--memory --output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'workers inspect')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@members' ;;
    'workers logs')
      children=''
      options='--follow -f --since --tail --level --grep --service --output -o --env --config --env-file --data --help -h'
      values='--since= --tail= --level=debug|info|warning|error --grep= --service= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@members' ;;
    'workers quiet')
      children=''
      options='--all --dry-run --reason --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@members' ;;
    'workers resume')
      children=''
      options='--all --dry-run --reason --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@members' ;;
    'workers restart')
      children=''
      options='--dry-run --force --drain-timeout --timeout --reason --as --output -o --env --config --env-file --data --help -h'
      values='--drain-timeout= --timeout= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@members' ;;
    'review')
      children='list show similar approve reject undo note notes release sample filters'
      options='--queue --filter --images --as --env --config --env-file --data --help -h'
      values='--queue=waiting|rejected|failed|minors|all --filter=@saved_filters --images= --as= --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'review list')
      children=''
      options='--queue --reason --filter --count --limit --all --output -o --env --config --env-file --data --help -h'
      values='--queue=waiting|rejected|failed|minors|all --reason= --filter=@saved_filters --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photo_filters' ;;
    'review show')
      children=''
      options='--user --as --output -o --env --config --env-file --data --help -h'
      values='--user= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photos' ;;
    'review similar')
      children=''
      options='--limit --output -o --env --config --env-file --data --help -h'
      values='--limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photos' ;;
    'review approve')
      children=''
      options='--reason --queue --filter --macro --grace --force --unseen --dry-run --confirm-count --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --queue=waiting|rejected|failed|minors|all --filter=@saved_filters --macro=@macros --grace= --confirm-count= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photos' ;;
    'review reject')
      children=''
      options='--because --reason --queue --filter --macro --grace --force --dry-run --confirm-count --as --output -o --env --config --env-file --data --help -h'
      values='--because=@reasons --reason= --queue=waiting|rejected|failed|minors|all --filter=@saved_filters --macro=@macros --grace= --confirm-count= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photos' ;;
    'review undo')
      children=''
      options='--step --last --reason --dry-run --confirm-count --as --output -o --env --config --env-file --data --help -h'
      values='--step= --reason= --confirm-count= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photos' ;;
    'review note')
      children=''
      options='--photo --user --as --output -o --env --config --env-file --data --help -h'
      values='--photo=@photos --user= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'review notes')
      children=''
      options='--search --user --photo --by --limit --output -o --env --config --env-file --data --help -h'
      values='--search= --user= --photo=@photos --by=@groups --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'review release')
      children=''
      options='--mine --reason --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photos' ;;
    'review sample')
      children='draw golden disputed'
      options='--help -h'
      values=''
      arguments='' ;;
    'review sample draw')
      children=''
      options='--approved --rejected --since --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--approved= --rejected= --since= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'review sample golden')
      children=''
      options='--answer --reason --as --output -o --env --config --env-file --data --help -h'
      values='--answer= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photos' ;;
    'review sample disputed')
      children=''
      options='--limit --output -o --env --config --env-file --data --help -h'
      values='--limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'review filters')
      children='list keep forget'
      options='--help -h'
      values=''
      arguments='' ;;
    'review filters list')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'review filters keep')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photo_filters *=@photo_filters' ;;
    'review filters forget')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@own_filters' ;;
    'remoderate')
      children='resume status'
      options='--where --model --policy --shadow --rate --include-overrides --reason --dry-run --confirm-count --as --output -o --env --config --env-file --data --help -h'
      values='--where= --model=@models --policy=@policies --rate= --reason= --confirm-count= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'remoderate resume')
      children=''
      options='--as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'remoderate status')
      children=''
      options='--limit --output -o --env --config --env-file --data --help -h'
      values='--limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'media')
      children='list compare show history'
      options='--help -h'
      values=''
      arguments='' ;;
    'media list')
      children=''
      options='--limit --after --all --output -o --env --config --env-file --data --help -h'
      values='--limit= --after= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@photo_filters' ;;
    'media compare')
      children=''
      options='--policy --as --output -o --env --config --env-file --data --help -h'
      values='--policy=@policies --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photos *=@photos' ;;
    'media show')
      children=''
      options='--open --reveal --as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@photos' ;;
    'media history')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'audit')
      children='list show export verify'
      options='--help -h'
      values=''
      arguments='' ;;
    'audit list')
      children=''
      options='--by --action --subject --since --until --text --limit --output -o --env --config --env-file --data --help -h'
      values='--by=@groups --action= --subject= --since= --until= --text= --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'audit show')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'audit export')
      children=''
      options='--out --env --config --env-file --data --help -h'
      values='--out=@files --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'audit verify')
      children=''
      options='--from --anchor --output -o --env --config --env-file --data --help -h'
      values='--from=@files --anchor= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'privacy')
      children='export erase hold release holds'
      options='--help -h'
      values=''
      arguments='' ;;
    'privacy export')
      children=''
      options='--out --names --as --output -o --env --config --env-file --data --help -h'
      values='--out=@files --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'privacy erase')
      children=''
      options='--reason --dry-run --confirm-count --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --confirm-count= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'privacy hold')
      children=''
      options='--reason --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'privacy release')
      children=''
      options='--reason --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'privacy holds')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'retention')
      children='show trim'
      options='--help -h'
      values=''
      arguments='' ;;
    'retention show')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'retention trim')
      children=''
      options='--dry-run --quiet -q --as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue')
      children='list stats show pause resume drain retry delete cancel undo continue ops dead'
      options='--help -h'
      values=''
      arguments='' ;;
    'queue list')
      children=''
      options='--by --limit --output -o --env --config --env-file --data --help -h'
      values='--by=@groups --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue stats')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue show')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@jobs' ;;
    'queue pause')
      children=''
      options='--reason --for --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --for= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue resume')
      children=''
      options='--upstream --as --output -o --env --config --env-file --data --help -h'
      values='--upstream= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue drain')
      children=''
      options='--reason --timeout --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --timeout= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue retry')
      children=''
      options='--all --dry-run --confirm-count --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue delete')
      children=''
      options='--all --dry-run --confirm-count --for-good --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue cancel')
      children=''
      options='--all --dry-run --confirm-count --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue undo')
      children=''
      options='--dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@operations' ;;
    'queue continue')
      children=''
      options='--as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@operations' ;;
    'queue ops')
      children=''
      options='--limit --output -o --env --config --env-file --data --help -h'
      values='--limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue dead')
      children='list retry delete'
      options='--by --limit --output -o --env --config --env-file --data --help -h'
      values='--by=@groups --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'queue dead list')
      children=''
      options='--by --limit --output -o --env --config --env-file --data --help -h'
      values='--by=@groups --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue dead retry')
      children=''
      options='--all --dry-run --confirm-count --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'queue dead delete')
      children=''
      options='--all --dry-run --confirm-count --for-good --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@filters' ;;
    'jobs')
      children='submit status wait cancel history'
      options='--help -h'
      values=''
      arguments='' ;;
    'jobs submit')
      children=''
      options='--keys --prefix --wait --sync --async --job-id --priority --rate --timeout --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--keys=@files --prefix= --job-id= --priority=bulk|normal|high --rate= --timeout= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=' ;;
    'jobs status')
      children=''
      options='--limit --output -o --env --config --env-file --data --help -h'
      values='--limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@submissions' ;;
    'jobs wait')
      children=''
      options='--timeout --output -o --env --config --env-file --data --help -h'
      values='--timeout= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@submissions' ;;
    'jobs cancel')
      children=''
      options='--dry-run --confirm-count --reason --as --output -o --env --config --env-file --data --help -h'
      values='--confirm-count= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@submissions' ;;
    'jobs history')
      children=''
      options='--since --user --outcome --limit --output -o --env --config --env-file --data --help -h'
      values='--since= --user= --outcome=done|approved|rejected|failed|in_review|skipped|dead|cancelled|lost --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'metrics')
      children='print serve dashboard'
      options='--help -h'
      values=''
      arguments='' ;;
    'metrics print')
      children=''
      options='--output-file --output -o --env --config --env-file --data --help -h'
      values='--output-file=@files --output=prometheus|openmetrics|json -o=prometheus|openmetrics|json --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'metrics serve')
      children=''
      options='--listen --env --config --env-file --data --help -h'
      values='--listen= --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'metrics dashboard')
      children=''
      options='--output-file --env --config --env-file --data --help -h'
      values='--output-file=@files --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'migrate')
      children='verify apply status indexes'
      options='--help -h'
      values=''
      arguments='' ;;
    'migrate verify')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'migrate apply')
      children=''
      options='--dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'migrate status')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'migrate indexes')
      children=''
      options='--build --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--build= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'backup')
      children='create list verify restore'
      options='--help -h'
      values=''
      arguments='' ;;
    'backup create')
      children=''
      options='--to --keep --as --output -o --env --config --env-file --data --help -h'
      values='--to= --keep= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'backup list')
      children=''
      options='--from --output -o --env --config --env-file --data --help -h'
      values='--from= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'backup verify')
      children=''
      options='--from --scratch --output -o --env --config --env-file --data --help -h'
      values='--from= --scratch=@folders --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'backup restore')
      children=''
      options='--into --from --confirm --dry-run --reason --as --output -o --env --config --env-file --data --help -h'
      values='--into=postgres|queue|both --from= --confirm= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=' ;;
    'deploy')
      children='render plan apply back secrets'
      options='--help -h'
      values=''
      arguments='' ;;
    'deploy render')
      children=''
      options='--workers --max-workers --project --image --ops-image --tag --build --user --mail-to --command --time-zone --out --dry-run --force --output -o --env --config --env-file --data --help -h'
      values='--workers= --max-workers= --project= --image= --ops-image= --tag= --build= --user= --mail-to= --command= --time-zone= --out=@folders --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=compose|swarm|kubernetes|systemd|cron' ;;
    'deploy plan')
      children=''
      options='--service --no-fetch --output -o --env --config --env-file --data --help -h'
      values='--service= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'deploy apply')
      children=''
      options='--service --no-fetch --skip-check --drain-timeout --timeout --force --dry-run --reason --as --output -o --env --config --env-file --data --help -h'
      values='--service= --skip-check= --drain-timeout= --timeout= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'deploy back')
      children=''
      options='--service --drain-timeout --timeout --force --dry-run --reason --as --output -o --env --config --env-file --data --help -h'
      values='--service= --drain-timeout= --timeout= --reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'deploy secrets')
      children=''
      options='--out --dry-run --output -o --env --config --env-file --data --help -h'
      values='--out=@folders --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'bench')
      children='queue database storage compreface worker load'
      options='--help -h'
      values=''
      arguments='' ;;
    'bench queue')
      children=''
      options='--jobs --for --at-once --dry-run --yes --output -o --env --config --env-file --data --help -h'
      values='--jobs= --for= --at-once= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'bench database')
      children=''
      options='--batches --for --at-once --dry-run --yes --as --output -o --env --config --env-file --data --help -h'
      values='--batches= --for= --at-once= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'bench storage')
      children=''
      options='--objects --size --for --at-once --dry-run --yes --output -o --env --config --env-file --data --help -h'
      values='--objects= --size= --for= --at-once= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'bench compreface')
      children=''
      options='--photos --for --dry-run --yes --output -o --env --config --env-file --data --help -h'
      values='--photos= --for= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'bench worker')
      children=''
      options='--photos --policy --for --dry-run --yes --output -o --env --config --env-file --data --help -h'
      values='--photos= --policy=@policies --for= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@files' ;;
    'bench load')
      children=''
      options='--rate --minutes --users --timeout --seed --dry-run --yes --as --output -o --env --config --env-file --data --help -h'
      values='--rate= --minutes= --users= --timeout= --seed= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@files' ;;
    'models')
      children='list add verify'
      options='--help -h'
      values=''
      arguments='' ;;
    'models list')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'models add')
      children=''
      options='--sha256 --dir --accept-licence --insecure --output -o --env --config --env-file --data --help -h'
      values='--sha256= --dir=@folders --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@models|@files =' ;;
    'models verify')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@models' ;;
    'policy')
      children='list show validate diff verify activate rollback history compare simulate'
      options='--help -h'
      values=''
      arguments='' ;;
    'policy list')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'policy show')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@policies' ;;
    'policy validate')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='*=@policies' ;;
    'policy diff')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@policies =@policies' ;;
    'policy verify')
      children=''
      options='--window --limit --output -o --env --config --env-file --data --help -h'
      values='--window= --limit= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'policy activate')
      children=''
      options='--reason --arm --shadow --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --arm= --shadow=@policies --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@policies' ;;
    'policy rollback')
      children=''
      options='--reason --dry-run --as --output -o --env --config --env-file --data --help -h'
      values='--reason= --as= --output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'policy history')
      children=''
      options='--output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'policy compare')
      children=''
      options='--window --limit --fail-if --output -o --env --config --env-file --data --help -h'
      values='--window= --limit= --fail-if= --output=text|json|jsonl|csv|markdown|html -o=text|json|jsonl|csv|markdown|html --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'policy simulate')
      children=''
      options='--window --set --sweep --limit --fail-if --output -o --env --config --env-file --data --help -h'
      values='--window= --set= --sweep= --limit= --fail-if= --output=text|json|jsonl|csv|markdown|html -o=text|json|jsonl|csv|markdown|html --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='=@policies' ;;
    'config')
      children='show schema example'
      options='--help -h'
      values=''
      arguments='' ;;
    'config show')
      children=''
      options='--origin --changed --output -o --env --config --env-file --data --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl --env=@profiles --config=@files --env-file=@files --data=@folders'
      arguments='' ;;
    'config schema')
      children=''
      options='--output -o --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl'
      arguments='' ;;
    'config example')
      children=''
      options='--output -o --help -h'
      values='--output=text|json|jsonl -o=text|json|jsonl'
      arguments='' ;;
    *) children='' options='' values='' arguments='' ;;
  esac
}

# What the option $1 wants; fails where it is a switch, or not known.
_lomi_wanted() {
  local value
  for value in $values; do
    if [[ $value == "$1="* ]]; then
      wanted=${value#*=}
      return 0
    fi
  done
  return 1
}

# Offers $1 where it begins as it should. Whatever it holds, the shell never evaluates it.
_lomi_offer() {
  if [[ $1 == "$current"* ]]; then
    COMPREPLY+=("$prefix$1")
  fi
}

# Offers what fits into a place that wants $1.
_lomi_fill() {
  local part word rest=$1
  while [[ $rest ]]; do
    part=${rest%%|*}
    if [[ $rest == *'|'* ]]; then rest=${rest#*|}; else rest=''; fi
    case $part in
      @files | @folders)
        local flag=-f
        if [[ $part == @folders ]]; then flag=-d; fi
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$prefix$word"); done < <(compgen "$flag" -- "$current")
        ;;
      @*)
        while IFS=$'\t' read -r word _; do
          _lomi_offer "$word"
        done < <("${words[0]}" _complete "${part#@}" "${words[@]:1}" 2>/dev/null)
        ;;
      *) _lomi_offer "$part" ;;
    esac
  done
}

_lomi() {
  # The line is split here: bash would split `state:dead` and `--env=staging` at their signs, too.
  local line=${COMP_LINE:0:COMP_POINT} path='' prefix='' wanted='' pending='' place=0
  local children options values arguments current word index known
  local -a words places
  read -ra words <<<"$line"
  if [[ $line == *[[:space:]] ]]; then words+=(''); fi
  current=${words[${#words[@]} - 1]}
  COMPREPLY=()
  _lomi_table ''
  for ((index = 1; index < ${#words[@]} - 1; index++)); do
    word=${words[index]}
    if [[ $pending ]]; then
      pending=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _lomi_wanted "$word"; then pending=yes; fi
    else
      known=''
      for known in $children; do
        if [[ $known == "$word" ]]; then break; fi
        known=''
      done
      if [[ $known ]]; then
        path="${path:+$path }$word"
        _lomi_table "$path"
        place=0
      else
        ((place += 1))
      fi
    fi
  done
  if [[ $pending ]]; then
    _lomi_fill "$wanted"
  elif [[ $current == -*=* ]]; then
    if _lomi_wanted "${current%%=*}"; then
      prefix="${current%%=*}="
      current=${current#*=}
      _lomi_fill "$wanted"
    fi
  elif [[ $current == -* ]]; then
    for word in $options; do _lomi_offer "$word"; done
  else
    # Behind a word that is no command there is none.
    if ((place == 0)); then for word in $children; do _lomi_offer "$word"; done; fi
    read -ra places <<<"$arguments"
    if ((${#places[@]})); then
      if ((place >= ${#places[@]})) && [[ ${places[${#places[@]} - 1]} == '*'* ]]; then
        place=$((${#places[@]} - 1))
      fi
      if ((place < ${#places[@]})); then _lomi_fill "${places[place]#*=}"; fi
    fi
  fi
  # Readline replaces only what stands behind the last sign at which it splits.
  line=${words[${#words[@]} - 1]}
  local whole=$line kept=''
  if [[ $whole == *[:=]* ]]; then kept=${whole%"${whole##*[:=]}"}; fi
  if [[ $kept && $COMP_WORDBREAKS == *[:=]* ]]; then
    for index in "${!COMPREPLY[@]}"; do COMPREPLY[index]=${COMPREPLY[index]#"$kept"}; done
  fi
  # A field of a filter goes on: `state:`.
  if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}

complete -F _lomi lomi
