/** Completion for fish: a file for its folder of completions. */
import type { Flag, Place, Value } from "./model.ts";
import { DOMAINS } from "./quote.ts";

/** Quotes a word for fish, which knows \\ and ' inside of quotes. */
const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function offer(value: Value): string {
  if (value === "files") return "-F";
  if (value === "folders") return "-a '(__fish_complete_directories)'";
  if (value === "domains") return "-a '(__xenarium_domains)'";
  return value === "unknown" ? "" : `-a ${quote(value.join(" "))}`;
}

function flagLine(where: string, { names, what, value }: Flag): string {
  const spelled = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const taken = value === null ? "" : ` ${value === "files" ? "-r" : "-x"} ${offer(value)}`.trimEnd();
  return `${where} ${spelled.join(" ")}${taken} -d ${quote(what)}`;
}

export function fish(all: readonly Place[]): string {
  const lines = all.flatMap((place) => {
    const where = `complete -c xenarium -n ${quote(`__xenarium_at "${place.path}"`)}`;
    return [
      ...place.commands.map(({ name, what }) => `${where} -a ${name} -d ${quote(what)}`),
      ...place.operands.map((value) => `${where} ${offer(value)}`),
      ...place.flags.map((flag) => flagLine(where, flag)),
    ];
  });
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => path);
  return `# Completes xenarium's arguments in fish: xenarium completion fish > ~/.config/fish/completions/xenarium.fish
function __xenarium_domains
    ${DOMAINS}
end
function __xenarium_at
    set -l at ""
    for word in (commandline -opc)[2..-1]
        if contains -- "$at/$word" ${paths.join(" ")}
            set at "$at/$word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c xenarium -f
${lines.join("\n")}
`;
}
