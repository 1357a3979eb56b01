/** `xenarium completion`: tests each script in the shell that it is for. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");
const folder = temporaryFolder("completion");
mkdirSync(path.join(folder, "my kernels"));
for (const name of ["vmlinuz-6.1", "web server.cfg"]) writeFileSync(path.join(folder, name), "");
// Stands in for the program, which the scripts ask for the domains of the running host.
mkdirSync(path.join(folder, "bin"));
const LIST = "Name ID Mem VCPUs State Time(s)\nDomain-0 0 64 1 r----- 1.0\nweb 1 32 1 -b---- 0.1\n";
writeFileSync(path.join(folder, "bin/xenarium"), `#!/bin/sh\n[ "$*" = "xl list" ] && printf '${LIST}'\n`, {
  mode: 0o755,
});
const env = { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env.PATH}` };

const script = (shell: string): string => {
  const { stdout, status } = spawnSync(process.execPath, [cli, "completion", shell], { encoding: "utf8" });
  expect(status).toBe(0);
  return stdout;
};
const missing = (shell: string): boolean => spawnSync(shell, ["-c", "true"]).error !== undefined;
const title = (shell: string): string =>
  `completion in ${shell}${missing(shell) ? ` (${shell} is not installed)` : ""}`;

function shell(name: string, args: string[], input: string): string[] {
  const { stdout, stderr, status } = spawnSync(name, args, { cwd: folder, env, input, encoding: "utf8" });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Returns what the last of the words can be completed to. The last word is "" if nothing of it is typed. */
type Complete = (...words: string[]) => string[];

function completes(name: string, complete: Complete): void {
  it(`${name}: commands, and those of xl`, () => {
    expect(complete("ru")).toEqual(["run"]);
    expect(complete("")).toEqual(expect.arrayContaining(["run", "serve", "xl", "xenstore-ls", "completion", "help"]));
    expect(complete("xl", "vcpu-l")).toEqual(["vcpu-list"]);
    expect(complete("help", "xenstore-ex")).toEqual(["xenstore-exists"]);
    expect(complete("xl", "help", "cpupool-ren")).toEqual(["cpupool-rename"]);
    expect(complete("completion", "f")).toEqual(["fish"]);
  });
  it(`${name}: options, of their command`, () => {
    expect(complete("run", "--ker")).toEqual(["--kernel"]);
    expect(complete("serve", "--ker")).toEqual(["--kernels"]);
    expect(complete("run", "--kernel", "vmlinuz-6.1", "--js")).toEqual(["--json"]);
    expect(complete("xl", "list", "--lo")).toEqual(["--long"]);
  });
  it(`${name}: files, folders and nothing, as the option takes them`, () => {
    expect(complete("run", "--kernel", "vml")).toEqual(["vmlinuz-6.1"]);
    expect(complete("run", "web")).toEqual(["web server.cfg"]);
    expect(complete("serve", "--kernels", "my").map((each) => each.replace(/\/$/, ""))).toEqual(["my kernels"]);
    expect(complete("run", "--memory", "")).toEqual([]);
  });
  it(`${name}: domains of the running host`, () => {
    expect(complete("xl", "pause", "we")).toEqual(["web"]);
    expect(complete("xl", "console", "Dom")).toEqual(["Domain-0"]);
  });
}

describe.skipIf(missing("bash"))(title("bash"), () => {
  const text = script("bash");
  const complete: Complete = (...words) => {
    const all = ["xenarium", ...words].map((word) => `'${word}'`).join(" ");
    const ask = `COMP_WORDS=(${all}); COMP_CWORD=${words.length}; _xenarium; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shell("bash", ["--norc", "-s"], `${text}\n${ask}\n`);
  };
  completes("bash", complete);
  it("takes --option=value, which bash parts", () => {
    expect(complete("run", "--kernel", "=", "vml")).toEqual(["vmlinuz-6.1"]);
    expect(complete("run", "--kernel", "=")).toContain("vmlinuz-6.1");
  });
});

describe.skipIf(missing("fish"))(title("fish"), () => {
  const text = script("fish");
  completes("fish", (...words) => {
    const line = ["xenarium", ...words].join(" ");
    return shell("fish", ["--no-config", "-c", `source xenarium.fish; complete -C '${line}'`], "").map((each) =>
      each.split("\t")[0]!.replaceAll("\\ ", " "),
    );
  });
  writeFileSync(path.join(folder, "xenarium.fish"), text);
});

describe.skipIf(missing("zsh"))(title("zsh"), () => {
  const text = script("zsh");
  /** zsh's completion system only runs at a prompt. These are the functions of it that the script calls; each offers what begins like the word. */
  const SYSTEM = `
compdef() { : }
offer() { local each; for each; do [[ $each == \${words[CURRENT]}* ]] && print -r -- $each; done; return 0 }
compadd() { [[ $1 == -- ]] && shift; offer "$@" }
_describe() { local name=\${@[-1]}; offer "\${(@)\${(@P)name}%%:*}" }
_files() { local -a found; if [[ $1 == -/ ]]; then found=(*(N/)); else found=(*(N)); fi; offer "$found[@]" }
_message() { : }
`;
  completes("zsh", (...words) => {
    const all = ["xenarium", ...words].map((word) => `'${word}'`).join(" ");
    return shell("zsh", ["-f", "-s"], `${SYSTEM}\n${text}\nwords=(${all}); CURRENT=${words.length + 1}; _xenarium\n`);
  });
});
