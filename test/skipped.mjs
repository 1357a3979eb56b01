/**
 * A vitest reporter for `npm test`. It writes the files in which tests were skipped, and how many, one line each, into the file that XENARIUM_SKIPPED
 * names.
 */
import { appendFileSync } from "node:fs";
import path from "node:path";

export default class Skipped {
  onTestRunEnd(modules) {
    const file = process.env.XENARIUM_SKIPPED;
    if (!file) return;
    for (const module of modules) {
      const count = [...module.children.allTests("skipped")].length;
      if (count) appendFileSync(file, `${path.relative(process.cwd(), module.moduleId)} (${count})\n`);
    }
  }
}
