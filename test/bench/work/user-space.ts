/**
 * A Debian user space with interpreters, a compiler, a database and compressors, made once by mmdebstrap and kept in .cache/work, with the tasks in
 * /work. It exists as a folder for chroot and as an initial RAM disk, so that no machine's disk is measured.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { newc, type CpioEntry } from "../../guests/images.ts";
import { program } from "../../guests/programs.ts";
import { taskData } from "./data.ts";

const cache = path.resolve(import.meta.dirname, "../../../.cache/work");
const PACKAGES = [
  ...["mount", "gcc", "libc6-dev", "binutils", "make", "m4"],
  ...["python3", "perl", "lua5.4", "gawk", "bc", "jq", "sqlite3"],
  ...["xz-utils", "bzip2", "zstd", "openssl", "diffutils", "findutils"],
];
/** Files that no task uses. */
const LEFT_OUT = [
  ...["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/var/cache/*"],
  ...[
    "/usr/lib/gcc/*/*/lto1",
    "/usr/lib/gcc/*/*/*san*",
    "/usr/lib/x86_64-linux-gnu/*san.so*",
    "/usr/lib/x86_64-linux-gnu/gconv/*",
  ],
];

/** Says why it is not available here, or returns null. */
export function userSpaceMissing(): string | null {
  const absent = ["mmdebstrap", "tar", "xz", "gcc", "unshare"].filter((tool) => spawnSync(tool, ["--version"]).error);
  return absent.length ? `The work set was not measured: ${absent.join(", ")} not installed.` : null;
}

function digestOf(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}

/** Makes `at`, a file or a folder. `make` gets another name to make it at, so that `at` is either complete or absent. */
function once(at: string, make: (partial: string) => void): string {
  if (existsSync(at)) return at;
  mkdirSync(cache, { recursive: true });
  const partial = `${at}.${process.pid}`;
  try {
    make(partial);
    renameSync(partial, at);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return at;
}

function debian(): string {
  const at = path.join(cache, `debian-${digestOf(JSON.stringify([PACKAGES, LEFT_OUT]))}`);
  return once(at, (partial) => {
    const tar = `${partial}.tar`;
    try {
      execFileSync(
        "mmdebstrap",
        [
          ...["--quiet", "--variant=essential", `--include=${PACKAGES.join(",")}`],
          '--aptopt=Apt::Install-Recommends "false"',
          ...LEFT_OUT.map((what) => `--dpkgopt=path-exclude=${what}`),
          ...["bookworm", tar],
        ],
        { stdio: ["ignore", "inherit", "inherit"] },
      );
      mkdirSync(partial);
      execFileSync("tar", ["-C", partial, "-xf", tar, "--exclude=./dev/*", "--exclude=./var/lib/apt/*"]);
    } finally {
      rmSync(tar, { force: true });
    }
  });
}

/** Files of /work, by path. */
function tasks(): Map<string, Uint8Array> {
  const files = taskData();
  const own = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).sort();
  for (const name of own)
    if (/\.(sh|py|pl|lua|m4|mk|sql)$/.test(name)) files.set(name, readFileSync(path.join(import.meta.dirname, name)));
  for (const name of ["kernel", "compute"])
    files.set(`programs/${name}`, readFileSync(program(`test/bench/work/programs/${name}.c`)));
  return files;
}

export interface UserSpace {
  folder: string;
  ramdisk: string;
}

export function userSpace(): UserSpace {
  const base = debian();
  const files = tasks();
  const digest = digestOf(path.basename(base), ...[...files].flat(), INIT);
  const folder = once(path.join(cache, `folder-${digest}`), (partial) => {
    cpSync(base, partial, { recursive: true, verbatimSymlinks: true });
    for (const [name, data] of files) {
      const file = path.join(partial, "work", name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, data, { mode: 0o755 });
    }
    writeFileSync(path.join(partial, "init"), INIT, { mode: 0o755 });
  });
  const ramdisk = once(path.join(cache, `ramdisk-${digest}.cpio`), (partial) =>
    writeFileSync(partial, newc(entriesBelow(folder))),
  );
  return { folder, ramdisk };
}

/** The kernel's command line names the tasks: work=PATTERN. */
const INIT = `#!/bin/bash
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
read -r line </proc/cmdline
[[ $line =~ work=([^ ]*) ]]
echo "GUEST-READY uptime=$(cat /proc/uptime)"
/work/run.sh "\${BASH_REMATCH[1]}"
echo o >/proc/sysrq-trigger
sleep 100
`;

function entriesBelow(folder: string, inside = ""): CpioEntry[] {
  const found = readdirSync(path.join(folder, inside), { encoding: "utf8" }).sort();
  return found.flatMap((each) => {
    const name = path.join(inside, each);
    const file = path.join(folder, name);
    const { mode } = lstatSync(file);
    const kind = mode & 0o170000;
    if (kind === 0o120000) return [{ name, mode, data: Buffer.from(readlinkSync(file)) }];
    if (kind === 0o040000) return [{ name, mode, data: new Uint8Array() }, ...entriesBelow(folder, name)];
    return [{ name, mode, data: readFileSync(file) }];
  });
}
