/** `xenarium domains` and `xl create NAME` as a user types them, against a host that runs. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const mini = path.join(dist, "assets/guests/mini.elf");
const folder = temporaryFolder("domains-cli");
let served: Served;

function xenarium(env: NodeJS.ProcessEnv, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [path.join(dist, "cli.js"), ...args],
      { env: { ...served.env, ...env }, cwd: folder },
      (error, out, err) => resolve({ status: error ? Number(error.code) : 0, out, err }),
    ),
  );
}
const domains = (...args: string[]) => xenarium({}, "domains", ...args);
const xl = (...args: string[]) => xenarium({}, "xl", ...args);

beforeAll(async () => {
  served = await startServe("--host-memory", "256", "--pcpus", "1");
  writeFileSync(path.join(folder, "disk.img"), Buffer.alloc(65536, "x"));
  writeFileSync(
    path.join(folder, "web.cfg"),
    `name = "web"\nkernel = "${mini}"\nmemory = 16\nvif = ['mac=00:16:3e:00:00:01']\ndisk = ['disk.img,raw,xvda,rw']\n`,
  );
});
afterAll(() => served.stop());

it("lists domains whether they run or not, and starts one by its name", async () => {
  expect(await xl("create", "web.cfg")).toMatchObject({ status: 0 });
  expect((await domains()).out).toMatch(
    /^Name +State +ID +Mem +VCPUs +Autostart +UUID\nweb +running +1 +16 +1 +no +[\da-f-]{36}\n$/,
  );
  await xl("destroy", "web");
  expect((await domains("list")).out).toMatch(/\nweb +halted +- +16 /);
  expect((await xl("list")).out).not.toContain("web");
  expect(await xl("create", "web")).toMatchObject({ status: 0, err: "" });
  expect((await xl("list")).out).toMatch(/\nweb +2 +16 /);
  await xl("destroy", "web");
  expect(await xl("create", "web", "memory=8")).toMatchObject({
    status: 2,
    err: expect.stringContaining("web is kept by the host: settings go with a config file") as string,
  });
  // What is no name and no file is what it was.
  expect((await xl("create", "nobody")).err).toBe("Failed to read config file: nobody: No such file or directory\n");
  expect(await domains("start", "nobody")).toMatchObject({
    status: 1,
    err: expect.stringContaining("no domain nobody") as string,
  });
});
