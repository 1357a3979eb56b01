/** Every subcommand of xl(1) in Debian's Xen 4.17 exists here, or says why it does not. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ABSENT } from "../../core/cli/xl/absent.ts";
import { declared, subcommands } from "../../core/cli/xl/program.ts";
import { debianPackage, packageMissing } from "../guests/images.ts";

const missing = packageMissing("xen-utils-common");
/** Not among the items of xl(1): help is commander's own here. */
const OURS = ["help"];
/** The items of other lists. */
const OTHERS = ["autoballoon", ..."colo-host colo-port colo-export active-disk hidden-disk forwarddev".split(" ")];

function manual(): string[] {
  const folder = path.join(debianPackage("xen-utils-common"), "usr/share/man/man1");
  const file = readdirSync(folder).find((name) => name.startsWith("xl.1"))!;
  const roff = gunzipSync(readFileSync(path.join(folder, file))).toString();
  const items = [...roff.matchAll(/^(?:\.ie n )?\.IP\s+"\\fB([a-z][a-z0-9\\-]*)\\fR/gm)].map(([, name]) =>
    name!.replaceAll("\\", ""),
  );
  return [...new Set(items)];
}

describe("xl's subcommands", () => {
  it.skipIf(missing)("are those of the manual page", () => {
    const known = [...subcommands(), ...Object.keys(ABSENT), ...OURS];
    const commands = manual().filter((name) => !OTHERS.includes(name));
    expect(commands.length).toBeGreaterThan(80);
    expect(commands.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("are all in help, with what they do", () => {
    const help = declared(() => Promise.resolve()).helpInformation();
    for (const name of subcommands()) expect(help).toMatch(new RegExp(`^ +${name}( |$)`, "m"));
    expect(help).toContain("save [options] <Domain> <CheckpointFile>");
    expect(subcommands().filter((name) => Object.hasOwn(ABSENT, name))).toEqual([]);
  });
});
