# Completion of lomi for bash, written from the program by `make completions`: change nothing here.
# Load it with: source <(lomi completion bash)

# What a command takes: the names below it, its options, what these and its arguments want.
_lomi_table() {
  case $1 in
# TABLE
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
