# Completion of lomi for fish, written from the program by `make completions`: change nothing here.
# Put it as lomi.fish into ~/.config/fish/completions, or load it with: lomi completion fish | source

# What a command takes: the names below it, its options, what these and its arguments want.
function __lomi_table
    switch "$argv[1]"
# TABLE
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
