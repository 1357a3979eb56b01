/** Completion for zsh, to be evaluated after compinit, or to be put into a folder of $fpath as _xenarium. */
import type { Place, Value } from "./model.ts";
import { DOMAINS, flagPattern, pathPattern, quote } from "./quote.ts";

function offer(value: Value): string {
  if (value === "files") return "_files";
  if (value === "folders") return "_files -/";
  if (value === "domains") return 'compadd -- ${(f)"$(_xenarium_domains)"}';
  return value === "unknown" ? "_message 'a value'" : `compadd -- ${value.map(quote).join(" ")}`;
}

/** A word for _describe, in which a colon separates the word from its description. */
const described = (word: string, what: string): string => quote(`${word.replaceAll(":", "\\:")}:${what}`);

export function zsh(all: readonly Place[]): string {
  const values = all.flatMap((place) =>
    place.flags.flatMap((flag) =>
      flag.value === null ? [] : [`    ${flagPattern(place, flag)}) ${offer(flag.value)}; return ;;`],
    ),
  );
  const here = all.map(({ path, commands, flags, operands }) => {
    const words = commands.map(({ name, what }) => described(name, what));
    const options = flags.flatMap(({ names, what }) => names.map((name) => described(name, what)));
    const offers = [
      ...(words.length ? [`list=(${words.join(" ")}); _describe -t commands command list`] : []),
      `list=(${options.join(" ")}); _describe -o option list`,
      ...operands.map(offer),
    ];
    return `    ${quote(path)}) ${offers.join("; ")} ;;`;
  });
  return `#compdef xenarium
# Completes xenarium's arguments in zsh: eval "$(xenarium completion zsh)"
_xenarium_domains() { ${DOMAINS}; }
_xenarium() {
  local at= before=$words[CURRENT-1] i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/$words[i]" in
      ${pathPattern(all)}) at="$at/$words[i]" ;;
    esac
  done
  case "$at $before" in
${values.join("\n")}
  esac
  case "$at" in
${here.join("\n")}
  esac
}
if [[ $funcstack[1] == _xenarium ]]; then _xenarium "$@"; else compdef _xenarium xenarium; fi
`;
}
