/** Programs of Debian's packages in a guest's initial RAM disk, with their libraries and the loader that finds them in /bin. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { debianPackage } from "./images.ts";

/** Names in /bin with their files, for all programs and shared libraries of the packages. */
export function packagedPrograms(...packages: string[]): Record<string, string> {
  const programs: Record<string, string> = {};
  for (const name of packages) {
    const folder = debianPackage(name);
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" })) {
      const isLibrary = /\.so(\.\d+)*$/.test(entry.name) && !/gconv|audit|engines|modules/.test(entry.parentPath);
      const isProgram = /\/s?bin$/.test(entry.parentPath);
      if (!isLibrary && !isProgram) continue;
      // Links are followed when the file is read.
      programs[entry.name] = path.join(entry.parentPath, entry.name);
    }
  }
  return programs;
}

/** How a program is started there. */
export function started(program: string): string {
  return `/bin/ld-linux-x86-64.so.2 --library-path /bin /bin/${program}`;
}
