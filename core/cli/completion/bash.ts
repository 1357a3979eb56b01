/** Completion for bash from 3.2 (macOS) on: without mapfile and associative arrays. */
import type { Place, Value } from "./model.ts";
import { DOMAINS, flagPattern, pathPattern, quote } from "./quote.ts";

/** Puts what fits into COMPREPLY. */
function offer(value: Value): string {
  if (value === "files") return "_xenarium_files -f";
  if (value === "folders") return "_xenarium_files -d";
  if (value === "domains") return '_xenarium_words "$(_xenarium_domains)"';
  return value === "unknown" ? ":" : `_xenarium_words ${quote(value.join(" "))}`;
}

export function bash(all: readonly Place[]): string {
  const values = all.flatMap((place) =>
    place.flags.flatMap((flag) =>
      flag.value === null ? [] : [`    ${flagPattern(place, flag)}) ${offer(flag.value)}; return ;;`],
    ),
  );
  const here = all.map((place) => {
    const words = [...place.commands.map(({ name }) => name), ...place.flags.flatMap(({ names }) => names)];
    const offers = [`_xenarium_words ${quote(words.join(" "))}`, ...place.operands.map(offer)];
    return `    ${quote(place.path)}) ${offers.join("; ")} ;;`;
  });
  return `# Completes xenarium's arguments in bash: eval "$(xenarium completion bash)"
_xenarium_domains() { ${DOMAINS}; }
_xenarium_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}
_xenarium_files() {
  local word
  compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$cur")
}
_xenarium() {
  local cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} at= i
  COMPREPLY=()
  # --kernel=FILE comes as three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $before == = && COMP_CWORD -gt 1 ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/\${COMP_WORDS[i]}" in
      ${pathPattern(all)}) at="$at/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $before" in
${values.join("\n")}
  esac
  case "$at" in
${here.join("\n")}
  esac
}
complete -F _xenarium xenarium
`;
}
