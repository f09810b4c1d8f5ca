#compdef lomi
# Completion of lomi for zsh, written from the program by `make completions`: change nothing here.
# Put it as _lomi into a folder of your fpath, or load it with: source <(lomi completion zsh)

# What a command takes: the names below it, its options, what these and its arguments want.
_lomi_table() {
  case $1 in
# TABLE
    *) children=() opts=() values=() arguments=() ;;
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

# Offers what fits into a place that wants $1.
_lomi_fill() {
  local part line word
  local -a found
  for part in ${(s:|:)1}; do
    case $part in
      @files) _files ;;
      @folders) _files -/ ;;
      @*)
        found=()
        for line in ${(f)"$(${(Q)words[1]} _complete ${part#@} ${(Q)words[2,-1]} 2>/dev/null)"}; do
          word=${line%%$'\t'*}
          if [[ $line == *$'\t'* ]]; then
            found+=("${word//:/\\:}:${line#*$'\t'}")
          else
            found+=("${word//:/\\:}")
          fi
        done
        # A field of a filter goes on: `state:`.
        if ((${#found})); then _describe -V "${part#@}" found -r ' ' -S ' '; fi
        ;;
      *)
        found=("$part")
        _describe -V word found
        ;;
    esac
  done
}

_lomi() {
  local path_='' wanted='' pending='' word known index place=0
  local -a children opts values arguments
  _lomi_table ''
  for ((index = 2; index < CURRENT; index++)); do
    word=${(Q)words[index]}
    if [[ -n $pending ]]; then
      pending=''
    elif [[ $word == -* ]]; then
      if [[ $word != *=* ]] && _lomi_wanted "$word"; then pending=yes; fi
    else
      known=''
      for known in ${children%%:*}; do
        if [[ $known == "$word" ]]; then break; fi
        known=''
      done
      if [[ -n $known ]]; then
        path_="${path_:+$path_ }$word"
        _lomi_table "$path_"
        place=0
      else
        ((place += 1))
      fi
    fi
  done
  if [[ -n $pending ]]; then
    _lomi_fill "$wanted"
  elif [[ $PREFIX == -*=* ]]; then
    if _lomi_wanted "${PREFIX%%=*}"; then
      compset -P '*='
      _lomi_fill "$wanted"
    fi
  elif [[ $PREFIX == -* ]]; then
    _describe -V -o option opts
  else
    # Behind a word that is no command there is none.
    if ((${#children} && place == 0)); then _describe -V command children; fi
    if ((place >= ${#arguments})) && [[ ${arguments[-1]} == '*'* ]]; then place=$((${#arguments} - 1)); fi
    if ((place < ${#arguments})); then _lomi_fill "${arguments[place + 1]#*=}"; fi
  fi
}

if [[ ${funcstack[1]} == _lomi ]]; then
  _lomi "$@"
else
  compdef _lomi lomi
fi
