/**
 * `npm test`. The tests of the application, many of which run in a browser, spend most of their time waiting, so the checks of the sources and all
 * other tests run beside them. The output of each of the two is marked with its name. `npm test -- FILES` checks the sources and then runs these
 * files.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const npx = process.platform === "win32" ? "npx.cmd" : "npx";
/** Chosen so that the two take about the same time. */
const APPLICATION = ["test/ui/", "test/cli/", "test/library/", "test/toolstack/", "test/bench/", "test/dom0/"];
const lint = ["npm", ["run", "--silent", "lint"]];
const vitest = (...args) => [npx, ["vitest", "run", "--reporter=default", "--reporter=./test/skipped.mjs", ...args]];
const folder = mkdtempSync(path.join(tmpdir(), "xenarium-tests-"));
/** test/skipped.mjs writes here which tests were skipped. */
const skipped = path.join(folder, "skipped");
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const files = process.argv.slice(2);
if (files.length) {
  const { status } = await lane("", [lint, vitest(...files)]);
  sayWhatWasSkipped();
  process.exit(status);
}

// The build is made once here, because two runs of vitest would otherwise make it at the same time; test/build.ts then makes none.
const built = spawnSync(process.execPath, ["core/build.mjs"], { stdio: "inherit" });
if (built.status !== 0) process.exit(1);
process.env.XENARIUM_BUILT = "1";
// Both runs have one cache of translated code, as a user's hosts have.
process.env.XENARIUM_CACHE = path.join(folder, "cache");
const ended = await Promise.all([
  lane("application", [vitest(...APPLICATION)]),
  lane("others", [lint, vitest(...APPLICATION.flatMap((folder) => ["--exclude", `${folder}**`]))]),
]);
for (const { name, status, seconds } of ended)
  console.log(`${name}: ${status === 0 ? "passed" : "FAILED"} in ${seconds.toFixed(0)} s`);
sayWhatWasSkipped();
process.exit(ended.some(({ status }) => status !== 0) ? 1 : 0);

/** Runs commands one after the other. If one fails, the others are run all the same. */
async function lane(name, commands) {
  const started = performance.now();
  let status = 0;
  for (const [command, args] of commands) {
    const stdio = name ? ["ignore", "pipe", "pipe"] : "inherit";
    const env = { ...process.env, XENARIUM_SKIPPED: skipped };
    const child = spawn(command, args, { stdio, env, shell: process.platform === "win32" });
    for (const stream of [child.stdout, child.stderr])
      if (stream) createInterface(stream).on("line", (line) => console.log(`${name} | ${line}`));
    const ended = await new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
    status ||= ended;
  }
  return { name, status, seconds: (performance.now() - started) / 1000 };
}

/** Green is not all that matters: without a compiler no attack on the hypervisor was tried. */
function sayWhatWasSkipped() {
  if (spawnSync("gcc", ["--version"]).error)
    console.log(
      "gcc is not installed: the attacks on the hypervisor, its fuzz and all else that builds guests were NOT tried (apt-get install gcc).",
    );
  if (!existsSync(skipped)) return;
  const lines = readFileSync(skipped, "utf8").trim().split("\n").sort();
  console.log(`Tests that were skipped, by file (and how many):\n  ${lines.join("\n  ")}`);
}
