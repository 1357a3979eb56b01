/**
 * Debian's kernels of several releases, from the archive that this machine's apt uses, without touching the state of apt: each suite has a state of
 * its own in .cache/apt. What can't be reached is reported, and not left out in silence.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const cache = path.resolve(import.meta.dirname, "../../.cache");
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

export type Flavour = "amd64" | "cloud-amd64" | "rt-amd64";
export interface KernelSource {
  /** The version as users write it. */
  version: string;
  suite: string;
  /** The name of the package that depends on the newest kernel. */
  meta: (flavour: Flavour) => string;
}

export const KERNELS: KernelSource[] = [
  { version: "6.1", suite: "bookworm", meta: (flavour) => `linux-image-${flavour}` },
  { version: "5.10", suite: "bullseye", meta: (flavour) => `linux-image-${flavour}` },
  { version: "6.12", suite: "trixie", meta: (flavour) => `linux-image-${flavour}` },
  { version: "7.2", suite: "sid", meta: (flavour) => `linux-image-${flavour}` },
];

/** Returns the address of Debian's archive as this machine is configured. */
function archive(): string {
  const policy = execFileSync("apt-cache", ["policy"], { encoding: "utf8" });
  const address = /\s(https?:\S+\/debian)\s/.exec(policy)?.[1];
  if (!address) throw new Error("apt has no Debian archive configured");
  return address;
}

/** Returns options that give apt a state of our own that knows only `suite`. */
function aptOptions(suite: string): string[] {
  const folder = path.join(cache, "apt", suite);
  for (const part of ["lists/partial", "archives/partial"]) mkdirSync(path.join(folder, part), { recursive: true });
  const list = path.join(folder, "suite.list");
  const options = [
    ...["-o", `Dir::Etc::sourcelist=${list}`, "-o", "Dir::Etc::sourceparts=/dev/null"],
    ...["-o", `Dir::State=${folder}`, "-o", `Dir::Cache=${folder}`, "-o", `Dir::State::status=${folder}/status`],
    ...["-o", "Acquire::Languages=none"],
  ];
  if (!existsSync(list)) {
    writeFileSync(path.join(folder, "status"), "");
    const trust = existsSync(KEYS) ? `signed-by=${KEYS}` : "";
    writeFileSync(list, `deb ${trust ? `[${trust}] ` : ""}${archive()} ${suite} main\n`);
    try {
      execFileSync("apt-get", ["-qq", ...options, "update"], { stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      rmSync(list);
      throw error;
    }
  }
  return options;
}

/** Returns the path of the kernel's vmlinuz, which is downloaded if it isn't there. */
export function kernel({ suite, meta }: KernelSource, flavour: Flavour): string {
  const folder = path.join(cache, "kernels", suite, flavour);
  const find = (): string | null => {
    const boot = path.join(folder, "boot");
    const file = existsSync(boot) ? readdirSync(boot).find((name) => name.startsWith("vmlinuz-")) : undefined;
    return file ? path.join(boot, file) : null;
  };
  const found = find();
  if (found) return found;
  mkdirSync(folder, { recursive: true });
  const options = aptOptions(suite);
  const depends = execFileSync("apt-cache", [...options, "depends", meta(flavour)], { encoding: "utf8" });
  const image = /Depends: (linux-image-\d\S+)/.exec(depends)?.[1];
  if (!image) throw new Error(`${suite} has no kernel for ${meta(flavour)}`);
  // From 7 on, the kernel itself is in a package of its own, on which the image's package depends.
  const parts = execFileSync("apt-cache", [...options, "depends", image], { encoding: "utf8" });
  const name = /Depends: (linux-binary-\d\S+)/.exec(parts)?.[1] ?? image;
  execFileSync("apt-get", ["-qq", ...options, "download", name], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const file = readdirSync(folder).find((entry) => entry.endsWith(".deb"))!;
  execFileSync("dpkg", ["-x", file, "."], { cwd: folder });
  rmSync(path.join(folder, file));
  let vmlinuz = find();
  if (!vmlinuz) {
    const kept = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((entry) =>
      /\/vmlinuz[^/]*$/.test(entry),
    );
    if (kept) {
      mkdirSync(path.join(folder, "boot"), { recursive: true });
      renameSync(path.join(folder, kept), path.join(folder, "boot", `vmlinuz-${name}`));
    }
    vmlinuz = find();
  }
  // Only the kernel is needed, and the modules are hundreds of megabytes.
  for (const part of ["lib", "usr"]) rmSync(path.join(folder, part), { recursive: true, force: true });
  if (!vmlinuz) throw new Error(`${name} has no vmlinuz`);
  return vmlinuz;
}
