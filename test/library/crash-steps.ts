/** A process that changes a library until it is killed. It reports each step before it takes it, and again when the library has answered. */
import { writeSync } from "node:fs";
import path from "node:path";
import { Library } from "../../core/library/library.ts";
import { random } from "../fuzz/random.ts";

export type Step =
  | { what: "keep"; uuid: string; config: string; kernel: string }
  | { what: "edit"; uuid: string; config: string; kernel: string }
  | { what: "rename"; uuid: string; name: string }
  | { what: "set"; uuid: string; autostart: boolean }
  | { what: "clone"; uuid: string; name: string }
  | { what: "remove"; uuid: string }
  | { what: "restore"; id: string; uuid: string }
  | { what: "purge"; id: string; uuid: string };
/** `clone`: what the step has made. */
export type Said = { will: Step } | { did: Step; clone?: { uuid: string; config: string } } | { failed: string };

const say = (said: Said): void => void writeSync(1, `${JSON.stringify(said)}\n`);

export const configOf = (name: string, image: string, vcpus: number): string =>
  `name = "${name}"\nkernel = "vmlinuz"\nvcpus = ${vcpus}\ndisk = [ "${image},raw,xvda,rw" ]\n`;

async function run(root: string, image: string, seed: number): Promise<void> {
  const chance = random(seed);
  const library = new Library(root, { changed: () => {}, warn: (message) => say({ failed: message }) });
  await library.open();
  let names = 0;
  const name = (): string => `d${seed}-${names++}`;
  /** The content of the kernel tells how long the kernel is. */
  const kernel = (): string => String(1 + chance(100_000));
  for (;;) {
    const uuids = library.all.map(({ uuid }) => uuid);
    const uuid = uuids[chance(Math.max(1, uuids.length))];
    const bin = await library.bin();
    const step = ((): Step => {
      const kind = chance(10);
      if (uuid === undefined || (kind === 0 && uuids.length < 12))
        return { what: "keep", uuid: crypto.randomUUID(), config: configOf(name(), image, 1), kernel: kernel() };
      const now = library.get(uuid);
      if (kind === 1) return { what: "keep", uuid, config: configOf(now.name, image, 1 + chance(8)), kernel: kernel() };
      if (kind === 2) return { what: "edit", uuid, config: configOf(now.name, image, 1 + chance(8)), kernel: kernel() };
      if (kind === 3) return { what: "set", uuid, autostart: !now.autostart };
      if (kind === 4 && uuids.length < 12) return { what: "clone", uuid, name: name() };
      if (kind === 5 && uuids.length > 2) return { what: "remove", uuid };
      if (kind === 6 && bin[0]) return { what: "restore", id: bin[0].id, uuid: bin[0].uuid };
      if (kind === 7 && bin[0]) return { what: "purge", id: bin[0].id, uuid: bin[0].uuid };
      return { what: "rename", uuid, name: name() };
    })();
    say({ will: step });
    let clone: { uuid: string; config: string } | undefined;
    if (step.what === "keep")
      await library.keep({
        uuid: step.uuid,
        config: step.config,
        configName: null,
        files: { vmlinuz: Buffer.alloc(Number(step.kernel), step.kernel) },
      });
    else if (step.what === "edit")
      await library.edit(step.uuid, {
        config: step.config,
        files: { vmlinuz: Buffer.alloc(Number(step.kernel), step.kernel) },
      });
    else if (step.what === "rename") await library.rename(step.uuid, step.name);
    else if (step.what === "set") await library.set(step.uuid, { autostart: step.autostart });
    else if (step.what === "clone") clone = await library.clone(step.uuid, step.name, () => {});
    else if (step.what === "remove") await library.remove(step.uuid);
    else if (step.what === "restore") await library.restore(step.id);
    else await library.purge(step.id);
    say({ did: step, ...(clone && { clone: { uuid: clone.uuid, config: clone.config } }) });
  }
}

const [, script, root, image, seed] = process.argv;
if (path.basename(script ?? "").startsWith("crash-steps"))
  run(root!, image!, Number(seed)).catch((error: unknown) => {
    say({ failed: String((error as Error).stack) });
    process.exit(1);
  });
