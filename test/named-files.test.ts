/** The check that comments and READMEs name files that are there. */
import { expect, it } from "vitest";
import { missingNames } from "../core/named-files.mjs";

const FILES = [
  "README.md",
  "core/README.md",
  "core/hypervisor/memory/root.ts",
  "core/hypervisor/sched/loop.ts",
  "core/hypervisor/sched/deep/down.ts",
  "renderer/app/keys.ts",
  "test/hypervisor/memory/root.test.ts",
];
const missing = (file: string, text: string): string[] => missingNames(FILES, [[file, text]]);

/** A comment of a source file; written so, for this file is looked at too. */
const comment = (text: string): string => ["/", "* ", text, " *", "/\n"].join("");

it("finds names that stand for no file, in comments and READMEs, with their lines", () => {
  expect(missing("core/README.md", "One.\nTwo: `hypervisor/sched/gone.ts`, `hypervisor/sched/loop.ts`.\n")).toEqual([
    "core/README.md:2: there is no hypervisor/sched/gone.ts",
  ]);
  const text = `${comment("as in lost.ts")}export {};\n${comment("See\n * ../memory/gone.ts.")}`;
  expect(missing("core/hypervisor/sched/loop.ts", text)).toEqual([
    "core/hypervisor/sched/loop.ts:1: there is no lost.ts",
    "core/hypervisor/sched/loop.ts:4: there is no memory/gone.ts",
  ]);
});

it("takes what is near: below, along the way up, and beside that; not what has the same name elsewhere", () => {
  const near = "down.ts, memory/root.ts, root.ts, hypervisor/memory/root.ts, core/README.md, README.md";
  expect(missing("core/hypervisor/sched/loop.ts", comment(near))).toEqual([]);
  expect(missing("core/hypervisor/sched/loop.ts", comment("keys.ts, sched/root.ts"))).toEqual([
    "core/hypervisor/sched/loop.ts:1: there is no keys.ts",
    "core/hypervisor/sched/loop.ts:1: there is no sched/root.ts",
  ]);
  // A test names what it tests as that part of core does.
  expect(missing("test/hypervisor/memory/root.test.ts", comment("memory/root.ts, sched/loop.ts"))).toEqual([]);
});

it("looks at nothing that is no comment, and at no file of others", () => {
  const text = `import x from "./gone.ts";\n${comment("public/xen.h, https://example.org/a.md")}`;
  expect(missing("renderer/app/keys.ts", text)).toEqual([]);
});
