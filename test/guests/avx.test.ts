/** Debian with AVX, AVX2, FMA and F16C: glibc's functions of 32-byte vectors and OpenSSL's, whose results are compared with this machine's. */
import { execFileSync } from "node:child_process";
import { createCipheriv, createHash, createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { packagedPrograms, started } from "./dynamic.ts";
import { debianKernel, debianPackage, guestsMissing, initramfs, packageMissing } from "./images.ts";
import { compilerMissing, program } from "./programs.ts";
import { runGuest } from "./run.ts";

const PACKAGES = ["openssl", "libssl3", "libc6"];
const missing =
  guestsMissing() ?? compilerMissing() ?? PACKAGES.map(packageMissing).find((reason) => reason !== null) ?? null;

const KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const IV = "0f0e0d0c0b0a09080706050403020100";

/** A line for each digest, and for the digest of each encrypted text. */
const DIGESTS = ["md5", "sha1", "sha256", "sha512", "sha3-256", "blake2b512"];
const CIPHERS = ["aes-256-cbc", "aes-256-ctr", "chacha20", "camellia-256-cbc"];
function expected(data: Buffer): Record<string, string> {
  const sha = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  const encrypted = (cipher: string): Buffer => {
    const made = createCipheriv(cipher, Buffer.from(KEY, "hex"), Buffer.from(IV, "hex"));
    return Buffer.concat([made.update(data), made.final()]);
  };
  return {
    ...Object.fromEntries(DIGESTS.map((name) => [name, createHash(name).update(data).digest("hex")])),
    ...Object.fromEntries(CIPHERS.map((name) => [name, sha(encrypted(name))])),
    hmac: createHmac("sha256", "key").update(data).digest("hex"),
  };
}
function commands(file: string): string {
  const openssl = started("openssl");
  // What `dgst` prints of a file is "NAME= hex".
  const says = (name: string): string => `| sed 's/^.*= */SSL ${name} /'`;
  return [
    ...DIGESTS.map((name) => `${openssl} dgst -${name} ${file} ${says(name)}`),
    ...CIPHERS.map(
      (name) => `${openssl} enc -${name} -K ${KEY} -iv ${IV} -in ${file} | ${openssl} dgst -sha256 ${says(name)}`,
    ),
    `${openssl} dgst -sha256 -hmac key ${file} ${says("hmac")}`,
    `${openssl} prime -checks 20 170141183460469231731687303715884105727`,
    "echo SSL-DONE",
  ].join("\n");
}
const lines = (text: string, pattern: RegExp): Record<string, string> =>
  Object.fromEntries([...text.matchAll(pattern)].map(([, name, value]) => [name!, value!]));

describe.skipIf(missing !== null)(`Debian with AVX${missing ? ` (${missing})` : ""}`, () => {
  it.each(["pv", "pvh"])(
    "as a %s guest: strings, memory and OpenSSL give what they give here",
    async (type) => {
      const strings = program("test/guests/avx-strings.c", ["-O2", "-fno-builtin", "-w"]);
      const native = execFileSync(strings, { encoding: "utf8" });
      const programs = { ...packagedPrograms(...PACKAGES), "avx-strings": strings };
      const ramdisk = initramfs(
        "ready",
        `grep -m1 flags /proc/cpuinfo\n/bin/avx-strings\n${commands("/bin/busybox")}\ndmesg | grep x86/fpu\npoweroff -f`,
        programs,
      );
      const config = path.join(temporaryFolder("avx"), "avx.cfg");
      writeFileSync(config, `name = "avx"\ntype = "${type}"\n`);
      const { stdout, status, stderr } = await runGuest([
        ...[config, "--kernel", debianKernel(), "--ramdisk", ramdisk, "--memory", "384", "--vcpus", "2"],
        ...["--cmdline", "console=hvc0 quiet", "--timeout", "280"],
      ]);
      expect(stdout, stderr).toMatch(/STRINGS-DONE[^]*SSL-DONE/);
      for (const flag of ["avx", "avx2", "fma", "f16c", "xsavec"])
        expect(stdout).toMatch(new RegExp(`^flags.* ${flag}( |\r?$)`, "m"));
      expect(stdout).toMatch(/SEES avx 1 avx2 1 fma 1 f16c 1/);
      expect(stdout).toMatch(/Enabled xstate features 0x7, context size is 832 bytes, using 'compacted' format/);
      const checksum = /^([a-z ]+) ([0-9a-f]{16})\r?$/gm;
      expect(Object.keys(lines(native, checksum)).length).toBeGreaterThan(20);
      expect(lines(stdout, checksum)).toEqual(lines(native, checksum));
      const busybox = readFileSync(path.join(debianPackage("busybox-static"), "bin/busybox"));
      expect(lines(stdout, /SSL (\S+) ([0-9a-f]+)\r?$/gm)).toEqual(expected(busybox));
      expect(stdout).toMatch(/is prime/);
      expect(status).toBe(0);
    },
    300_000,
  );
});
