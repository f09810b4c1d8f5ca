# Completion of lomi for fish, written from the program by `make completions`: change nothing here.
# Put it as lomi.fish into ~/.config/fish/completions, or load it with: lomi completion fish | source

# What a command takes: the names below it, its options, what these and its arguments want.
function __lomi_table
    switch "$argv[1]"
        case ''
            set -g __lomi_children 'moderate	Judge photos on their own: no queue, no database' 'demo	Send photos through a local stack, see each decision' 'init	Write a configuration from the files that are here' 'up	Start the local stack, or find it running' 'status	Show the parts of the local stack' 'env	Print where the stack\'s services are, with passwords' 'down	Stop the local stack' 'check	Check all that a deploy rests on' 'doctor	Explain what is wrong and what to do first' 'e2e	Send photos through the real system and time each leg' 'worker	Judge photos from the queue until told to stop' 'scale	Start or drain workers until there are N' 'autoscale	Add and take workers by what the queue needs' 'top	Show queue, workers and decisions as they are now' 'report	Summarise uploads, or one side of them' 'reconcile	Bring back pending photos that nobody would look at' 'completion	Print the completion script of a shell' 'help	Explain what belongs to no single command' 'alerts	Rules over the cluster\'s numbers: who is told when, and that they know' 'workers	Who is at work, what they say, telling them what to do' 'review	Look at what waits or was rejected, and decide' 'remoderate	Judge decided photos again, and make what comes of it hold' 'media	Any photo and any user, however they stand' 'audit	Who did what, and that nobody changed it' 'privacy	What is held on one user, and erasing it' 'retention	How long what lomi wrote is kept' 'queue	What waits, runs and died; acting on it' 'jobs	Hand photos in, follow them, look back' 'metrics	The cluster in numbers, for Prometheus and for a phone' 'migrate	The columns of media, and lomi\'s schema' 'backup	Saving the cluster, and putting it back' 'deploy	Files to run the cluster from, and new versions' 'bench	Your own numbers, against what was promised' 'models	The models that look at photos' 'policy	The thresholds by which photos are judged' 'config	Settings: what holds, and what there is'
            set -g __lomi_options '--env	Profile of the configuration file; else LOMI_ENV' '--debug	Show tracebacks' '--version	Show the version and exit' '-V	Show the version and exit' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--env=@profiles'
            set -g __lomi_arguments
        case 'moderate'
            set -g __lomi_children
            set -g __lomi_options '--model	NSFW model: a name, or a manifest file' '--policy	Policy by name' '--annotate	Write copies with boxes drawn' '--objects	Each PATH is the key of an uploaded photo' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--model=@models' '--policy=@policies' '--annotate=@folders' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@files'
        case 'demo'
            set -g __lomi_children
            set -g __lomi_options '--keep	Leave photos, rows and the stack as they are' '--timeout	Seconds to wait for the decisions' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--timeout=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@files'
        case 'init'
            set -g __lomi_children
            set -g __lomi_options '--env	Name of the profile; else after the env file' '--env-file	Environment file (.env.production)' '--compose	Compose file' '--config	File to write' '--yes	Write without asking' '--dry-run	Only show what would be written' '--force	Replace a profile that says something else' '--output	text, json or jsonl' '-o	text, json or jsonl' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--env=@profiles' '--env-file=@files' '--compose=@files' '--config=@files' '--output=text|json|jsonl' '-o=text|json|jsonl'
            set -g __lomi_arguments
        case 'up'
            set -g __lomi_children
            set -g __lomi_options '--workers	Worker processes; else stack.workers, else as many as before, at first 1' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--workers=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'status'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'env'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'down'
            set -g __lomi_children
            set -g __lomi_options '--purge	Remove all data of the stack, photos included' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'check'
            set -g __lomi_children
            set -g __lomi_options '--only	Id, slug, category or pattern' '--skip	The same, left out' '--scope	Only what makes sense at that moment' '--deep	Also what writes or makes engines work' '--wait	Look again at what may still become true' '--watch	Do it again every so often' '--timeout	Longest time of one run' '--fail-on	`warning`: exit 4 for warnings' '--output	How it is written' '-o	How it is written' '--output-file	Write it there, in one step' '--bundle	Also pack an archive for support' '--list	Show the checks, and run none' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--only=@checks' '--skip=@checks' '--scope=pre-deploy|post-deploy|worker' '--wait=' '--watch=' '--timeout=' '--fail-on=' '--output=text|short|json|jsonl|junit|nagios|prom|github' '-o=text|short|json|jsonl|junit|nagios|prom|github' '--output-file=@files' '--bundle=@files' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'doctor'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=flow|workers|compreface|rejections'
        case 'e2e'
            set -g __lomi_children
            set -g __lomi_options '--via	direct: as the backend does; backend: through its API, as a user\'s app' '--timeout	Wait so long for the decisions: 90s, 2m' '--keep	Leave photos, rows and jobs where they are' '--clean	Send nothing; remove what killed runs have left' '--dry-run	Only say what would be sent or removed' '--fail-on	warning: exit 4 when a target was missed' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--via=direct|backend' '--timeout=' '--fail-on=fail|warning' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=' '*=@files'
        case 'worker'
            set -g __lomi_children
            set -g __lomi_options '--policy	Policy by name' '--slots	Jobs in hand at once' '--healthcheck	Ask the worker on this machine, and exit' '--health-file	Where the worker notes its state' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--policy=@policies' '--slots=' '--health-file=@files' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'scale'
            set -g __lomi_children
            set -g __lomi_options '--service	Service of the workers; else docker.workers_service' '--dry-run	Only say what would be done' '--timeout	So long new ones may load, and leaving ones may finish: 90s, 5m' '--force	Also where memory is short, or an old worker\'s job may be lost' '--keep	New workers that do not start stay, to be looked at' '--yes	Do not ask before the last worker stops' '--reason	Why, for the audit' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--service=' '--timeout=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'autoscale'
            set -g __lomi_children
            set -g __lomi_options '--min	Workers at least; else autoscale.min' '--max	Workers at most; else autoscale.max' '--once	One look and its step, for cron' '--dry-run	Only say what would be done now' '--enforce	Bring back a number outside of min and max, whoever set it' '--quiet	With --once: say nothing while all is well' '-q	With --once: say nothing while all is well' '--history	Show the journal, the latest first' '--limit	Of the journal, at most so many' '--as	Who does it; else LOMI_ACTOR, else autoscale' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--min=' '--max=' '--limit=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'top'
            set -g __lomi_children
            set -g __lomi_options '--once	Take one look and exit' '--every	Between two looks: 500ms, 2s' '--write	Keys may change things; else it only looks' '--replay	Only what was recorded; asks nobody' '--recording	File of the recording; by default one for each cluster' '--no-record	Keep nothing' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--every=' '--recording=@files' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'report'
            set -g __lomi_children
            set -g __lomi_options '--window	today, yesterday, 7d, week, month, 2026-11-19, or A..B (UTC)' '--tz	Time zone of labels, e.g' '--output	How it is written; text, or what the name of the file asks for' '-o	How it is written; text, or what the name of the file asks for' '--to	Write it there, in one step' '--quiet	Print nothing when all is well' '-q	Print nothing when all is well' '--send	Also send it by this route of alerts' '--objects	growth: look at the object store, too, up to 20,000 objects' '--fail-if	Exit 1 if a figure is so, e.g' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--window=' '--tz=' '--output=text|json|jsonl|csv|markdown|html' '-o=text|json|jsonl|csv|markdown|html' '--to=@files' '--send=' '--fail-if=' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=summary|rejections|uploads|latency|errors|growth|workers|queue|takedowns|thresholds|quality'
        case 'reconcile'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Only say what would be done' '--older-than	Leave photos alone that are pending for less: 90s, 10m, 2h' '--limit	Repair at most so many photos, the oldest first' '--include-dead	Queue photos of dead letters again, too' '--objects	Ask the store for the objects of these photos' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--older-than=' '--limit=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'completion'
            set -g __lomi_children
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments '=bash|zsh|fish'
        case 'help'
            set -g __lomi_children
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments '=@topics'
        case 'alerts'
            set -g __lomi_children 'rules	List the rules with their numbers now' 'list	List incidents and silences' 'ack	Say that somebody knows: no more repeats' 'silence	Have nobody told of a rule for a while' 'unsilence	Lift the silences of a rule before their time' 'show	Show one incident whole' 'check	Look once and tell whoever is to be told, for cron' 'run	Look again and again and tell whoever is to be told' 'test	Send one marked message to each route'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'alerts rules'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json, jsonl or prometheus' '-o	text, json, jsonl or prometheus' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl|prometheus' '-o=text|json|jsonl|prometheus' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'alerts list'
            set -g __lomi_children
            set -g __lomi_options '--since	Also those that began since, over or not: 24h, 7d, a date or an ISO time' '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--since=' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'alerts ack'
            set -g __lomi_children
            set -g __lomi_options '--until-resolved	It holds until the incident is over; there is no other way' '--reason	What is being done, for the others' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'alerts silence'
            set -g __lomi_children
            set -g __lomi_options '--for	For so long: 30m, 2h, 1d' '--reason	Why, for the others' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--for=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'alerts unsilence'
            set -g __lomi_children
            set -g __lomi_options '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'alerts show'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'alerts check'
            set -g __lomi_children
            set -g __lomi_options '--quiet	Say nothing unless something has changed' '-q	Say nothing unless something has changed' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'alerts run'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'alerts test'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*='
        case 'workers'
            set -g __lomi_children 'list	List all workers and how they stand' 'inspect	Show everything about one worker' 'logs	Show the logs of all workers as one, by time' 'quiet	Let workers finish what they have and take nothing new' 'resume	Let quiet workers take jobs again' 'restart	Restart workers one after another'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'workers list'
            set -g __lomi_children
            set -g __lomi_options '--memory	Ask the engine how much memory each uses now' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'workers inspect'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@members'
        case 'workers logs'
            set -g __lomi_children
            set -g __lomi_options '--follow	Go on as lines are written, until Ctrl-C' '-f	Go on as lines are written, until Ctrl-C' '--since	From then on: 10m, 7d, 2026-11-26T09:00' '--tail	The last lines of each; without --since 100' '--level	At least so bad: error, warning, …' '--grep	Only lines that match' '--service	Of another service, such as compreface' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--since=' '--tail=' '--level=debug|info|warning|error' '--grep=' '--service=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@members'
        case 'workers quiet'
            set -g __lomi_children
            set -g __lomi_options '--all	All that run; instead of names' '--dry-run	Only say what would be done' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@members'
        case 'workers resume'
            set -g __lomi_children
            set -g __lomi_options '--all	All that run; instead of names' '--dry-run	Only say what would be done' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@members'
        case 'workers restart'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Only say what would be done' '--force	Old workers, too: the job in their hand is lost' '--drain-timeout	For the job in hand; else worker.grace_s' '--timeout	To be ready again; else 3m' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--drain-timeout=' '--timeout=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@members'
        case 'review'
            set -g __lomi_children 'list	List photos that wait, or were rejected or failed' 'show	Show one photo, or one user, and everything beside it' 'similar	List photos of anybody that look the same as one' 'approve	Approve photos, whatever was decided before' 'reject	Reject photos, whatever was decided before' 'undo	Take back decisions: photos, a step, or my last step' 'note	Add a note about a photo, or about a user' 'notes	List notes, the latest first; `-o jsonl` exports them' 'release	Free photos that somebody holds' 'sample	Have decided photos judged again, unseen' 'filters	Filters that have names'
            set -g __lomi_options '--queue	Which photos first' '--filter	A filter by its name: `lomi review filters list`' '--images	auto, kitty, sixel, blocks, none; else review.images' '--as	Who reviews; else LOMI_ACTOR, else the login' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--queue=waiting|rejected|failed|minors|all' '--filter=@saved_filters' '--images=' '--as=' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'review list'
            set -g __lomi_children
            set -g __lomi_options '--queue	Which photos' '--reason	Only this reason, e.g' '--filter	A filter by its name: `lomi review filters list`' '--count	Only how many lie on each pile; more than 10,000 are no further counted' '--limit	At most so many' '--all	Look back until there are enough, however far; jsonl always does' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--queue=waiting|rejected|failed|minors|all' '--reason=' '--filter=@saved_filters' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photo_filters'
        case 'review show'
            set -g __lomi_children
            set -g __lomi_options '--user	A user instead of a photo' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--user=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photos'
        case 'review similar'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photos'
        case 'review approve'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit trail; a macro has one' '--queue	The pile that a filter goes through' '--filter	A filter by its name: `lomi review filters list`' '--macro	Template with its reason and the user\'s text' '--grace	Tell nobody for so long; 0s: at once' '--force	Also what somebody else looks at now' '--unseen	Also what could not be judged, and nobody may have seen' '--dry-run	Only say which photos' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--as	Who decides; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--queue=waiting|rejected|failed|minors|all' '--filter=@saved_filters' '--macro=@macros' '--grace=' '--confirm-count=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photos'
        case 'review reject'
            set -g __lomi_children
            set -g __lomi_options '--because	blurry, no_face, group_photo, underage or nsfw; a macro has one' '--reason	Why, for the audit trail; a macro has one' '--queue	The pile that a filter goes through' '--filter	A filter by its name: `lomi review filters list`' '--macro	Template with its reason and the user\'s text' '--grace	Tell nobody for so long; 0s: at once' '--force	Also what somebody else looks at now' '--dry-run	Only say which photos' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--as	Who decides; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--because=@reasons' '--reason=' '--queue=waiting|rejected|failed|minors|all' '--filter=@saved_filters' '--macro=@macros' '--grace=' '--confirm-count=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photos'
        case 'review undo'
            set -g __lomi_children
            set -g __lomi_options '--step	All that one command or key decided, as it was printed' '--last	My own last step' '--reason	Why, for the audit trail' '--dry-run	Only say which photos' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--as	Who decides; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--step=' '--reason=' '--confirm-count=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photos'
        case 'review note'
            set -g __lomi_children
            set -g __lomi_options '--photo	About this photo, by media id' '--user	About this user' '--as	Who decides; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--photo=@photos' '--user=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'review notes'
            set -g __lomi_children
            set -g __lomi_options '--search	Only with this text in it' '--user	About this user and all their photos' '--photo	About this photo, by media id' '--by	Only what this person said' '--limit	At most so many; else 50, with -o jsonl all' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--search=' '--user=' '--photo=@photos' '--by=@groups' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'review release'
            set -g __lomi_children
            set -g __lomi_options '--mine	All that I hold, in every terminal' '--reason	Why, for the audit trail' '--dry-run	Only say which photos' '--as	Who decides; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photos'
        case 'review sample'
            set -g __lomi_children 'draw	Draw random decisions of workers into the queue' 'golden	Mix a photo whose right answer is known into the queue' 'disputed	List decisions of workers that were judged otherwise'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'review sample draw'
            set -g __lomi_children
            set -g __lomi_options '--approved	Share of what workers approved' '--rejected	Share of what workers rejected' '--since	Window of the decisions: 24h, yesterday, A..B' '--dry-run	Only say how many it would be' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--approved=' '--rejected=' '--since=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'review sample golden'
            set -g __lomi_children
            set -g __lomi_options '--answer	approved, or rejected:REASON' '--reason	Why this is right, for the audit' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--answer=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photos'
        case 'review sample disputed'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'review filters'
            set -g __lomi_children 'list	List the filters that have names' 'keep	Keep a filter under a name, as a pile of your own' 'forget	Forget a filter of your own'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'review filters list'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'review filters keep'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photo_filters' '*=@photo_filters'
        case 'review filters forget'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@own_filters'
        case 'remoderate'
            set -g __lomi_children 'resume	Go on with a run that was interrupted' 'status	List runs, or show one'
            set -g __lomi_options '--where	Which photos; all terms must hold' '--model	NSFW model: a name, or a manifest file' '--policy	Policy by name; else the active one' '--shadow	Only compare; nothing changes, nobody is told' '--rate	At most so many photos: 60/min, 2/s' '--include-overrides	Also what a person has decided' '--reason	Why, for the audit trail' '--dry-run	Only count the photos' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--where=' '--model=@models' '--policy=@policies' '--rate=' '--reason=' '--confirm-count=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'remoderate resume'
            set -g __lomi_children
            set -g __lomi_options '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'remoderate status'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'media'
            set -g __lomi_children 'list	List photos, however they stand' 'compare	Let models look at one photo, side by side' 'show	Show one photo and everything that is known of it' 'history	Show the photos of one user, and what became of them'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'media list'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many' '--after	Go on behind this photo, the last of a list' '--all	Look back until there are enough, however far; jsonl always does' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--after=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@photo_filters'
        case 'media compare'
            set -g __lomi_children
            set -g __lomi_options '--policy	Policy by name; else the active one' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--policy=@policies' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photos' '*=@photos'
        case 'media show'
            set -g __lomi_children
            set -g __lomi_options '--open	Draw it in the terminal, grey and blurred unless it is revealed' '--reveal	With --open: draw it as it is' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@photos'
        case 'media history'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'audit'
            set -g __lomi_children 'list	List what people and commands did, the latest first' 'show	Show one entry: before, after, and its link' 'export	Write all of it as JSON lines that prove themselves' 'verify	Prove that no entry was edited, removed or reordered'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'audit list'
            set -g __lomi_children
            set -g __lomi_options '--by	Only what this person or command did' '--action	review.approve, or all of review' '--subject	media:ID, job:ID, queue, …; or only the id' '--since	24h, 7d, a date or an ISO time' '--until	The same; excluded' '--text	Somewhere in subject, reason or values' '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--by=@groups' '--action=' '--subject=' '--since=' '--until=' '--text=' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'audit show'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'audit export'
            set -g __lomi_children
            set -g __lomi_options '--out	A new file, readable by you alone; else stdout' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--out=@files' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'audit verify'
            set -g __lomi_children
            set -g __lomi_options '--from	An export, instead of the database' '--anchor	What an earlier run printed as head' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--from=@files' '--anchor=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'privacy'
            set -g __lomi_children 'export	Write everything held on a user into one archive' 'erase	Erase everything held on a user, for good' 'hold	Keep everything on a user from being erased' 'release	End a hold' 'holds	List the holds that are in force'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'privacy export'
            set -g __lomi_children
            set -g __lomi_options '--out	A new file; else lomi-privacy-USER.tar.gz here' '--names	Leave the names of people who review in it' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--out=@files' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'privacy erase'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit trail' '--dry-run	Only say what would go' '--confirm-count	Do it only if there are exactly so many photos' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--confirm-count=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'privacy hold'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'privacy release'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'privacy holds'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'retention'
            set -g __lomi_children 'show	Show the limits, and how many rows lie beyond them' 'trim	Remove what lies beyond the limits, for good'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'retention show'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'retention trim'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Only say what would go' '--quiet	Print nothing when all went well' '-q	Print nothing when all went well' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue'
            set -g __lomi_children 'list	List jobs that match a filter' 'stats	Count jobs by state, with rates and the time to drain' 'show	Show one job and its story' 'pause	Stop all claims' 'resume	Allow claims again' 'drain	Pause, and wait until nothing runs any more' 'retry	Try dead letters again, and delayed jobs now' 'delete	Delete dead letters' 'cancel	Cancel jobs that wait, are delayed or run' 'undo	Put back what an operation changed' 'continue	Go on with an operation that was interrupted' 'ops	List operations of the last week, the latest first' 'dead	List dead letters, try them again, or delete them'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'queue list'
            set -g __lomi_children
            set -g __lomi_options '--by	Count by this: error, worker, user, …' '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--by=@groups' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue stats'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue show'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@jobs'
        case 'queue pause'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for everybody who wonders' '--for	Ends by itself: 90s, 10m, 2h' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--for=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue resume'
            set -g __lomi_children
            set -g __lomi_options '--upstream	Close the breaker of this upstream instead' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--upstream=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue drain'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for everybody who wonders' '--timeout	Give up waiting after this long' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--timeout=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue retry'
            set -g __lomi_children
            set -g __lomi_options '--all	Every job that can be acted on; instead of a filter' '--dry-run	Only say how many there are' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue delete'
            set -g __lomi_children
            set -g __lomi_options '--all	Every job that can be acted on; instead of a filter' '--dry-run	Only say how many there are' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--for-good	Keep nothing: frees memory, cannot be undone' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue cancel'
            set -g __lomi_children
            set -g __lomi_options '--all	Every job that can be acted on; instead of a filter' '--dry-run	Only say how many there are' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue undo'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Only say how many there are' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@operations'
        case 'queue continue'
            set -g __lomi_children
            set -g __lomi_options '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@operations'
        case 'queue ops'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue dead'
            set -g __lomi_children 'list	List dead letters that match, the latest first' 'retry	Try dead letters again with all their attempts' 'delete	Delete dead letters'
            set -g __lomi_options '--by	Count by this: error, worker, user, …' '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--by=@groups' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'queue dead list'
            set -g __lomi_children
            set -g __lomi_options '--by	Count by this: error, worker, user, …' '--limit	At most so many' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--by=@groups' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue dead retry'
            set -g __lomi_children
            set -g __lomi_options '--all	Every job that can be acted on; instead of a filter' '--dry-run	Only say how many there are' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'queue dead delete'
            set -g __lomi_children
            set -g __lomi_options '--all	Every job that can be acted on; instead of a filter' '--dry-run	Only say how many there are' '--confirm-count	Do it only if exactly so many match; needed for more than ten' '--for-good	Keep nothing: frees memory, cannot be undone' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@filters'
        case 'jobs'
            set -g __lomi_children 'submit	Have photos judged that wait for nobody' 'status	Show how far a submission is, or the latest ones' 'wait	Wait for the end of a submission or a job' 'cancel	Cancel what is not over of a submission, or one job' 'history	List jobs that ended: who, when, tries, how long, how'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'jobs submit'
            set -g __lomi_children
            set -g __lomi_options '--keys	A file with one id or key a line; - for stdin' '--prefix	All photos whose key begins so' '--wait	Wait for the end; the default on a terminal' '--sync	Wait, and print each decision as it comes' '--async	Print the id and return; the default elsewhere' '--job-id	The submission\'s UUID; the same command again adds nothing' '--priority	Else bulk for more than one job: it yields to live uploads' '--rate	Photos at most: 60/min, 2/s, 1000/h' '--timeout	Give up waiting after this long: 90s, 10m, 2h' '--dry-run	Only say what would be submitted' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--keys=@files' '--prefix=' '--job-id=' '--priority=bulk|normal|high' '--rate=' '--timeout=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*='
        case 'jobs status'
            set -g __lomi_children
            set -g __lomi_options '--limit	At most so many submissions' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@submissions'
        case 'jobs wait'
            set -g __lomi_children
            set -g __lomi_options '--timeout	Give up waiting after this long: 90s, 10m, 2h' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--timeout=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@submissions'
        case 'jobs cancel'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Only count what is not over' '--confirm-count	How many jobs that is; needed for more than ten' '--reason	Why, for the audit trail' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--confirm-count=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@submissions'
        case 'jobs history'
            set -g __lomi_children
            set -g __lomi_options '--since	24h, 7d, today, week, month, 2026-11-19, or A..B (UTC)' '--user	Only jobs of this user' '--outcome	Only jobs that ended so' '--limit	At most so many, the latest first' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--since=' '--user=' '--outcome=done|approved|rejected|failed|in_review|skipped|dead|cancelled|lost' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'metrics'
            set -g __lomi_children 'print	Print every metric once, for a textfile collector' 'serve	Serve metrics and a status page over HTTP' 'dashboard	Print a dashboard that Grafana imports'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'metrics print'
            set -g __lomi_children
            set -g __lomi_options '--output-file	Write there, in one step, and print nothing' '--output	prometheus, openmetrics or json' '-o	prometheus, openmetrics or json' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output-file=@files' '--output=prometheus|openmetrics|json' '-o=prometheus|openmetrics|json' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'metrics serve'
            set -g __lomi_children
            set -g __lomi_options '--listen	Else metrics.listen: 127.0.0.1:9464' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--listen=' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'metrics dashboard'
            set -g __lomi_children
            set -g __lomi_options '--output-file	Write there, in one step, and print nothing' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output-file=@files' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'migrate'
            set -g __lomi_children 'verify	Say in what the database differs' 'apply	Add what the database lacks' 'status	Show what is applied, since when, and what is not' 'indexes	Show, or build, indexes for lists and reports'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'migrate verify'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'migrate apply'
            set -g __lomi_children
            set -g __lomi_options '--dry-run	Print the SQL instead, and run nothing' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'migrate status'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'migrate indexes'
            set -g __lomi_children
            set -g __lomi_options '--build	Build this one, or all; may be repeated' '--dry-run	Print the SQL, of all without --build, and run nothing' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--build=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'backup'
            set -g __lomi_children 'create	Save Postgres, the queue and the settings' 'list	List backups, the latest first' 'verify	Try a backup: restore it on this machine, and compare' 'restore	Put a backup back where the settings say'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'backup create'
            set -g __lomi_children
            set -g __lomi_options '--to	Folder, or s3://bucket/prefix; else backup.to' '--keep	Then remove all but the N latest' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--to=' '--keep=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'backup list'
            set -g __lomi_children
            set -g __lomi_options '--from	Where it lies, if not in backup.to' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--from=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'backup verify'
            set -g __lomi_children
            set -g __lomi_options '--from	Where it lies, if not in backup.to' '--scratch	Folder for the trial\'s servers; else the system\'s for temporary files' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--from=' '--scratch=@folders' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'backup restore'
            set -g __lomi_children
            set -g __lomi_options '--into	What to restore: postgres, queue or both' '--from	Where it lies, if not in backup.to' '--confirm	Of what is not empty: the name of the database, or of the list' '--dry-run	Only say what would be done' '--reason	Why, for the audit' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--into=postgres|queue|both' '--from=' '--confirm=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '='
        case 'deploy'
            set -g __lomi_children 'render	Write the files that a cluster is run from' 'plan	Show what a deploy would do, step by step' 'apply	Put a new version on the cluster' 'back	Go back to the images from before the last deploy' 'secrets	Write each password into a file of its own'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'deploy render'
            set -g __lomi_children
            set -g __lomi_options '--workers	Workers at the start' '--max-workers	Workers at most, where load decides' '--project	Name of the project, stack or namespace' '--image	Image of the workers, without its tag' '--ops-image	Image with the command lomi, for Kubernetes' '--tag	Tag of both; else this version' '--build	Checkout of lomi that Compose builds workers from' '--user	Who runs units and cron jobs' '--mail-to	Whom cron and failed units tell' '--command	Path of lomi on that machine' '--time-zone	Zone of the timers in Kubernetes' '--out	Folder to write to; else stdout' '--dry-run	Only show what would change in --out' '--force	Replace files that say something else' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--workers=' '--max-workers=' '--project=' '--image=' '--ops-image=' '--tag=' '--build=' '--user=' '--mail-to=' '--command=' '--time-zone=' '--out=@folders' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=compose|swarm|kubernetes|systemd|cron'
        case 'deploy plan'
            set -g __lomi_children
            set -g __lomi_options '--service	Which ones; else backend and workers' '--no-fetch	Take the images that are here: no build, no pull' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--service=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'deploy apply'
            set -g __lomi_children
            set -g __lomi_options '--service	Which ones; else backend and workers' '--no-fetch	Take the images that are here: no build, no pull' '--skip-check	Leave out the check before it; why' '--drain-timeout	To finish a job; else worker.grace_s' '--timeout	Until a new container works; else 3m' '--force	Old workers, too: the job in their hand is lost' '--dry-run	Only show the plan' '--reason	Why, for the audit' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--service=' '--skip-check=' '--drain-timeout=' '--timeout=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'deploy back'
            set -g __lomi_children
            set -g __lomi_options '--service	Which ones; else backend and workers' '--drain-timeout	To finish a job; else worker.grace_s' '--timeout	Until a new container works; else 3m' '--force	Old workers, too: the job in their hand is lost' '--dry-run	Only show the plan' '--reason	Why, for the audit' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--service=' '--drain-timeout=' '--timeout=' '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'deploy secrets'
            set -g __lomi_children
            set -g __lomi_options '--out	Folder, made for its owner only' '--dry-run	Only say which there would be' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--out=@folders' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'bench'
            set -g __lomi_children 'queue	Time the queue on Redis, on one of its own' 'database	Time the writes and reads of Postgres, on marked rows' 'storage	Time the object store, on objects of its own' 'compreface	Time CompreFace, by one portrait' 'worker	Time the judging of photos on this machine' 'load	Drive the whole system as users do, and count'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'bench queue'
            set -g __lomi_children
            set -g __lomi_options '--jobs	Jobs of a queue of its own' '--for	The longest part takes so long at most: 5s, 1m' '--at-once	So many things at once' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--jobs=' '--for=' '--at-once=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'bench database'
            set -g __lomi_children
            set -g __lomi_options '--batches	Batches of nine that are written at once' '--for	The longest part takes so long at most: 5s, 1m' '--at-once	So many things at once' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--batches=' '--for=' '--at-once=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'bench storage'
            set -g __lomi_children
            set -g __lomi_options '--objects	Objects of its own' '--size	Of each, in kB' '--for	The longest part takes so long at most: 5s, 1m' '--at-once	So many things at once' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--objects=' '--size=' '--for=' '--at-once=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'bench compreface'
            set -g __lomi_children
            set -g __lomi_options '--photos	So often it is asked' '--for	The longest part takes so long at most: 5s, 1m' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--photos=' '--for=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'bench worker'
            set -g __lomi_children
            set -g __lomi_options '--photos	So many by all processes' '--policy	Policy by name' '--for	The longest part takes so long at most: 5s, 1m' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--photos=' '--policy=@policies' '--for=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@files'
        case 'bench load'
            set -g __lomi_children
            set -g __lomi_options '--rate	Photos: 500/min, 10/s' '--minutes	So long users come' '--users	Users of its own' '--timeout	Wait so long for the last decisions: 90s, 2m' '--seed	The same visits as another time' '--dry-run	Only say what would be done, and where' '--yes	Do not ask, on a cluster that is no local stack' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--rate=' '--minutes=' '--users=' '--timeout=' '--seed=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@files'
        case 'models'
            set -g __lomi_children 'list	List the models that can be used' 'add	Install a model, after a trial' 'verify	Check that installed models are what they were'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'models list'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'models add'
            set -g __lomi_children
            set -g __lomi_options '--sha256	What the file must hash to' '--dir	Folder to install into' '--accept-licence	Accept a licence that asks for more than a notice' '--insecure	Allow http; needs --sha256' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--sha256=' '--dir=@folders' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@models|@files' '='
        case 'models verify'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@models'
        case 'policy'
            set -g __lomi_children 'list	List the policies there are, and which one holds' 'show	Show what a policy approves, rejects and leaves open' 'validate	Say what is wrong or doubtful about policies' 'diff	Show two policies side by side where they differ' 'verify	Judge stored findings again by their stored policies' 'activate	Judge by this policy from now on' 'rollback	Go back to what held before the latest activation' 'history	List what was activated, by whom and why' 'compare	Set shadows and arms side by side with what held' 'simulate	Say what a policy would have made of past photos'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'policy list'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'policy show'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@policies'
        case 'policy validate'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '*=@policies'
        case 'policy diff'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@policies' '=@policies'
        case 'policy verify'
            set -g __lomi_children
            set -g __lomi_options '--window	Of the decisions: 30d, yesterday, A..B (UTC)' '--limit	Name at most so many that differ' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--window=' '--limit=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'policy activate'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit' '--arm	Judge this share of the users by another policy' '--shadow	Ask this one, too, and note what it would say' '--dry-run	Only say what it would do, and what is missing' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--arm=' '--shadow=@policies' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@policies'
        case 'policy rollback'
            set -g __lomi_children
            set -g __lomi_options '--reason	Why, for the audit' '--dry-run	Only say what would hold' '--as	Who does it; else LOMI_ACTOR, else the login' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--reason=' '--as=' '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'policy history'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'policy compare'
            set -g __lomi_children
            set -g __lomi_options '--window	Of the decisions: 7d, yesterday, A..B (UTC)' '--limit	Name at most so many photos' '--fail-if	Exit 1 if a figure is so, e.g' '--output	How it is written' '-o	How it is written' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--window=' '--limit=' '--fail-if=' '--output=text|json|jsonl|csv|markdown|html' '-o=text|json|jsonl|csv|markdown|html' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'policy simulate'
            set -g __lomi_children
            set -g __lomi_options '--window	Of the decisions: 30d, yesterday, A..B (UTC)' '--set	Try it with this changed, e.g' '--sweep	Also count for 101 places of one threshold' '--limit	Name at most so many photos' '--fail-if	Exit 1 if a figure is so, e.g' '--output	How it is written' '-o	How it is written' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--window=' '--set=' '--sweep=' '--limit=' '--fail-if=' '--output=text|json|jsonl|csv|markdown|html' '-o=text|json|jsonl|csv|markdown|html' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments '=@policies'
        case 'config'
            set -g __lomi_children 'show	Show every setting as it holds now' 'schema	Print the JSON schema of the configuration file' 'example	Print a configuration file with every setting'
            set -g __lomi_options '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values
            set -g __lomi_arguments
        case 'config show'
            set -g __lomi_children
            set -g __lomi_options '--origin	Name the source of each value' '--changed	Only what differs from the defaults' '--output	text, json or jsonl' '-o	text, json or jsonl' '--env	Profile of the configuration file; else LOMI_ENV' '--config	Configuration file (YAML)' '--env-file	Environment file (.env.production)' '--data	Folder of a local stack' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl' '--env=@profiles' '--config=@files' '--env-file=@files' '--data=@folders'
            set -g __lomi_arguments
        case 'config schema'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl'
            set -g __lomi_arguments
        case 'config example'
            set -g __lomi_children
            set -g __lomi_options '--output	text, json or jsonl' '-o	text, json or jsonl' '--help	Show this message and exit' '-h	Show this message and exit'
            set -g __lomi_values '--output=text|json|jsonl' '-o=text|json|jsonl'
            set -g __lomi_arguments
        case '*'
            set -g __lomi_children
            set -g __lomi_options
            set -g __lomi_values
            set -g __lomi_arguments
    end
end

# What the option wants, on stdout; fails where it is a switch, or not known.
function __lomi_wanted
    for value in $__lomi_values
        set -l parts (string split -m 1 -- = $value)
        if test "$parts[1]" = "$argv[1]"
            printf '%s\n' $parts[2]
            return 0
        end
    end
    return 1
end

# What fits into a place: the first argument is what it wants, the second what stands before each word.
function __lomi_fill
    set -l tokens (commandline -opc)
    for part in (string split -- '|' $argv[1])
        switch $part
            case ''
            case @files
                __fish_complete_path (commandline -ct | string replace -- "$argv[2]" '') | string replace -r -- '^' "$argv[2]"
            case @folders
                __fish_complete_directories (commandline -ct | string replace -- "$argv[2]" '') | string replace -r -- '^' "$argv[2]"
            case '@*'
                $tokens[1] _complete (string sub -s 2 -- $part) $tokens[2..-1] 2>/dev/null | string replace -r -- '^' "$argv[2]"
            case '*'
                printf '%s\n' $argv[2]$part
        end
    end
end

function __lomi_complete
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    set -l path
    set -l wanted
    set -l pending no
    set -l place 1
    __lomi_table ''
    for word in $tokens[2..-1]
        if test $pending = yes
            set pending no
        else if string match -q -- '-*' $word
            if not string match -q -- '*=*' $word; and set wanted (__lomi_wanted $word)
                set pending yes
            end
        else if contains -- $word (string replace -r -- '\t.*' '' $__lomi_children)
            set -a path $word
            __lomi_table "$path"
            set place 1
        else
            set place (math $place + 1)
        end
    end
    if test $pending = yes
        __lomi_fill "$wanted" ''
    else if string match -q -- '-*=*' $current
        set -l name (string split -m 1 -- = $current)[1]
        if set wanted (__lomi_wanted $name)
            __lomi_fill "$wanted" "$name="
        end
    else if string match -q -- '-*' $current
        printf '%s\n' $__lomi_options
    else
        # Behind a word that is no command there is none.
        if set -q __lomi_children[1]; and test $place -eq 1
            printf '%s\n' $__lomi_children
        end
        if test $place -gt (count $__lomi_arguments); and string match -q -- '[*]*' "$__lomi_arguments[-1]"
            set place (count $__lomi_arguments)
        end
        if test $place -ge 1 -a $place -le (count $__lomi_arguments)
            __lomi_fill (string replace -r -- '^[*]?=' '' $__lomi_arguments[$place]) ''
        end
    end
end

complete -c lomi -e
complete -c lomi -f -a '(__lomi_complete)'
