/** `xenarium xl` and the xenstore clients as a user types them, against a running host. */
import { execFile, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

const dist = path.resolve(import.meta.dirname, "../../dist");
const cli = path.join(dist, "cli.js");
let served: Served;
let folder: string;

interface Answer {
  status: number;
  out: string;
  err: string;
}
function called(cwd: string, ...args: string[]): Promise<Answer> {
  return new Promise((resolve) =>
    execFile(process.execPath, [cli, ...args], { env: served.env, cwd }, (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out, err }),
    ),
  );
}
const xenarium = (...args: string[]): Promise<Answer> => called(process.cwd(), ...args);
const xl = (...args: string[]) => xenarium("xl", ...args);
const refused = async (...args: string[]) => {
  const { status, err } = await xl(...args);
  expect(status).not.toBe(0);
  return err;
};

describe("xl", () => {
  beforeAll(async () => {
    folder = temporaryFolder("xl");
    served = await startServe("--host-memory", "256", "--pcpus", "2");
    const config = path.join(folder, "web.cfg");
    writeFileSync(
      config,
      `name = "web"\nkernel = "${path.join(dist, "assets/guests/mini.elf")}"\nmemory = 32\nvcpus = 2\n`,
    );
    const created = await xl("create", config);
    expect(created).toMatchObject({ status: 0, err: `Parsing config from ${config}\n` });
  });
  afterAll(async () => {
    await served.stop();
  });

  it("names domains, and says how long they have run", async () => {
    expect(await xl("domid", "web")).toMatchObject({ status: 0, out: "1\n" });
    expect(await xl("domname", "1")).toMatchObject({ status: 0, out: "web\n" });
    expect((await xl("uptime", "web")).out).toMatch(/^Name +ID Uptime\nweb +1 {2}0:00:\d\d\n$/);
    expect((await xl("uptime")).out).toMatch(/Domain-0 +0 [\s\S]*web +1 /);
    expect(await xl("domid", "nobody")).toMatchObject({ status: 1, err: expect.stringContaining("nobody") as string });
  });

  it("pins vCPUs, and all of them", async () => {
    expect(await xl("vcpu-pin", "web", "1", "0")).toMatchObject({ status: 0 });
    expect((await xl("vcpu-list", "web")).out).toMatch(/web +1 +0 .* all \/ all\nweb +1 +1 .* 0 \/ all\n/);
    await xl("vcpu-pin", "web", "all", "1");
    expect((await xl("vcpu-list", "web")).out.match(/ 1 \/ all/g)).toHaveLength(2);
    await xl("vcpu-pin", "web", "all", "all");
    expect((await xl("vcpu-list", "web")).out.match(/all \/ all/g)).toHaveLength(2);
    await xl("vcpu-pin", "web", "0", "-", "1");
    expect((await xl("vcpu-list", "web")).out).toMatch(/web +1 +0 .* all \/ 1\n/);
    await xl("vcpu-pin", "web", "0", "nodes:0", "all,^1");
    expect((await xl("vcpu-list", "web")).out).toMatch(/web +1 +0 .* all \/ 0\n/);
    expect(await refused("vcpu-pin", "Domain-0", "0", "0")).toMatch(
      /can't be pinned.*\nCould not set affinity for vcpu `0'/,
    );
  });

  it("shows and sets weight and cap", async () => {
    expect((await xl("sched-credit")).out).toMatch(/Name +ID Weight +Cap\nDomain-0 +0 +256 +0\nweb +1 +256 +0\n/);
    expect(await xl("sched-credit", "-d", "web", "-w", "512", "-c", "50")).toMatchObject({ status: 0, out: "" });
    expect((await xl("sched-credit", "-d", "web")).out).toMatch(/^Name.*\nweb +1 +512 +50\n$/);
    expect((await xl("sched-credit", "-s")).out).toMatch(
      /^Cpupool Pool-0: tslice=\d+ms ratelimit=\d+us migration-delay=\d+us\n$/,
    );
  });

  it("sets targets of vCPUs and memory in xenstore, where the guest's drivers read them", async () => {
    await xl("vcpu-set", "web", "1");
    expect((await xenarium("xenstore-read", "/local/domain/1/cpu/1/availability")).out).toBe("offline\n");
    await xl("vcpu-set", "web", "2");
    expect((await xenarium("xenstore-read", "/local/domain/1/cpu/1/availability")).out).toBe("online\n");
    await xl("mem-set", "web", "24m");
    expect((await xenarium("xenstore-read", "/local/domain/1/memory/target")).out).toBe(`${24 * 1024}\n`);
    await xl("mem-set", "web", "20000k");
    expect((await xenarium("xenstore-read", "/local/domain/1/memory/target")).out).toBe("20000\n");
    expect(await xl("mem-max", "web", "64m")).toMatchObject({ status: 0 });
    expect((await xl("mem-max", "web", "1m")).status).toBe(1);
  });

  it("reads, writes, lists, watches and removes nodes of xenstore", async () => {
    const watching = spawn(process.execPath, [cli, "xenstore-watch", "/tool"], { env: served.env });
    let seen = "";
    watching.stdout.on("data", (data: Buffer) => (seen += data.toString()));
    try {
      // The first event is that of setting the watch.
      await expect.poll(() => seen, { timeout: 20_000 }).toContain("/tool\n");
      expect(await xenarium("xenstore-write", "/tool/note", 'a "b"\u0001')).toMatchObject({ status: 0 });
      await expect.poll(() => seen, { timeout: 10_000 }).toContain("/tool/note\n");
    } finally {
      watching.kill("SIGKILL");
    }
    expect((await xenarium("xenstore-read", "/tool/note")).out).toBe('a "b"\\001\n');
    expect((await xenarium("xenstore-list", "/tool")).out).toContain("note\n");
    expect((await xenarium("xenstore-ls", "-f", "-p", "/tool")).out).toContain('/tool/note = "a "b"\\001"   (n0)\n');
    expect((await xenarium("xenstore-ls", "/local/domain/1")).out).toMatch(
      /^store = ""\n port = "\d+"\n ring-ref = "\d+"\n/m,
    );
    expect(await xenarium("xenstore-rm", "/tool/note")).toMatchObject({ status: 0 });
    expect((await xenarium("xenstore-read", "/tool/note")).status).toBe(1);
    expect((await xenarium("xenstore-read")).err).toBe(
      "xenstore-read: Usage: xenstore-read [-h] [-p] [-s] [-R] key [...]\n",
    );
  });

  it("ends quietly when nobody reads on", async () => {
    const ls = `"${process.execPath}" "${cli}" xenstore-ls / | head -n 1`;
    const { out, err } = await new Promise<{ out: string; err: string }>((resolve) =>
      execFile("sh", ["-c", ls], { env: served.env }, (_, stdout, stderr) => resolve({ out: stdout, err: stderr })),
    );
    expect(out).toMatch(/^\w+ = ".*"\n$/);
    expect(err).toBe("");
  });

  it("says what it is, and what it can do", async () => {
    const { version } = JSON.parse(readFileSync(path.join(dist, "../package.json"), "utf8")) as { version: string };
    expect(await xenarium("--version")).toEqual({ status: 0, out: `xenarium ${version}\n`, err: "" });
    expect((await xenarium("help")).out).toContain("Usage: xenarium <command>");
    expect(await xenarium("halt")).toMatchObject({ status: 2, err: expect.stringContaining("unknown command 'halt'") });
  });

  it("says what it does not know", async () => {
    expect(await refused("migrate", "web", "other")).toContain("xl migrate: this host can't send a domain");
    expect(await refused("constructor")).toBe("command not implemented\n");
    expect(await refused("list", "web", "more")).toBe("more is an invalid domain identifier (rc=-6)\n");
    expect(await refused("vm-list", "web")).toContain("xl vm-list takes fewer arguments");
  });

  it("creates with settings behind the file, and shows what a config says without a host", async () => {
    const file = path.join(folder, "more.cfg");
    const kernel = path.join(dist, "assets/guests/mini.elf");
    writeFileSync(file, `name = "größe β"\nkernel = "${kernel}"\nmemory = 16\nmaxvcpus = 2\n`);
    const dry = await xl("create", "-n", file, "memory=24", "extra='a b'; cap=50");
    expect(dry.err).toBe(`Parsing config from ${file}\n`);
    expect(JSON.parse(dry.out)).toMatchObject({
      c_info: { name: "größe β", type: "pv" },
      b_info: {
        max_vcpus: 2,
        avail_vcpus: [0],
        max_memkb: 24576,
        target_memkb: 24576,
        cmdline: "a b",
        sched_params: { cap: 50 },
      },
    });
    expect((await xl("-N", "create", "-q", `-f=${file}`)).err).toBe("");
    expect(await xl("create", "-e", "-q", file, "memory=24")).toEqual({ status: 0, out: "", err: "" });
    expect((await xl("list", "größe β")).out).toMatch(/\ngröße β {31} {4}\d +24 /);
    const domid = (await xl("domid", "größe β")).out.trim();
    const availability = (cpu: number) => xenarium("xenstore-read", `/local/domain/${domid}/cpu/${cpu}/availability`);
    expect([(await availability(0)).out, (await availability(1)).out]).toEqual(["online\n", "offline\n"]);
    const [long] = JSON.parse((await xl("list", "-l", "größe β")).out) as { domid: number; config: object }[];
    expect(long).toMatchObject({
      config: { c_info: { name: "größe β" }, b_info: { max_vcpus: 2, target_memkb: 24576 } },
    });
    expect((await xl("list", "-v", "größe β")).out).toMatch(
      /State\tTime\(s\) {3}UUID .*Reason-Code\tSecurity Label\n.* [\da-f-]{36} {8}- {16}-\n/,
    );
    writeFileSync(file, `name = "x"\nkernel = "${kernel}"\nmemory = 48\n`);
    expect(await xl("config-update", "größe β", file)).toMatchObject({ status: 0 });
    expect((await xl("destroy", "größe β")).status).toBe(0);
  });

  it("takes relative paths in a config from the folder that it is called in, as stock xl, and names the config by its name", async () => {
    const work = path.join(folder, "work");
    const file = path.join("configs", "near.cfg");
    mkdirSync(path.join(work, "configs"), { recursive: true });
    for (const name of ["near.elf", "configs/beside.elf"])
      copyFileSync(path.join(dist, "assets/guests/mini.elf"), path.join(work, name));
    const text = 'name = "near"\nkernel = "near.elf"\nmemory = 16\n';
    writeFileSync(path.join(work, file), text);
    expect(await called(work, "xl", "create", file)).toMatchObject({ status: 0 });
    // What it is restarted from is found there too, from wherever that is asked for.
    expect(await called(work, "xl", "config-update", "near", file)).toMatchObject({ status: 0 });
    expect(await xl("reboot", "-w", "near")).toMatchObject({ status: 0 });
    await expect.poll(async () => (await xl("domid", "near")).status, { timeout: 20_000 }).toBe(0);
    expect((await xl("destroy", "near")).status).toBe(0);
    writeFileSync(path.join(work, file), text.replace("near.elf", "beside.elf"));
    const { status, err } = await called(work, "xl", "create", file);
    expect(status).not.toBe(0);
    expect(err).toContain(`The kernel ${path.join(work, "beside.elf")} can't be read: there is no such file.`);
    writeFileSync(path.join(work, file), `${text}type = "hvm"\n`);
    expect((await called(work, "xl", "create", file)).err).toMatch(/^error: near\.cfg: .*hvm/m);
  });

  it("reads no comment that no line's end follows, as stock xl; a setting of the command line brings one", async () => {
    const file = path.join(folder, "more.cfg");
    const kernel = path.join(dist, "assets/guests/mini.elf");
    writeFileSync(file, `name = "x"\nkernel = "${kernel}"\nmemory = 48 # MiB`);
    expect(await xl("create", "-n", file)).toMatchObject({
      status: 1,
      err: expect.stringContaining("more.cfg: line 3, column 13: ") as string,
    });
    expect((await xl("create", "-n", file, "vcpus=2")).status).toBe(0);
  });

  it("dumps the memory of the bundled guest", async () => {
    const core = path.join(folder, "web.core");
    expect(await xl("dump-core", "web", core)).toMatchObject({ status: 0, err: "" });
    const dumped = readFileSync(core);
    expect(dumped.toString("latin1", 1, 4)).toBe("ELF");
    expect(dumped.length).toBeGreaterThan(30 << 20);
    expect(dumped.includes("Xenarium mini guest")).toBe(true);
  });

  it("waits for domains to stop, and goes on past one that does not", async () => {
    const file = path.join(folder, "two.cfg");
    const kernel = path.join(dist, "assets/guests/mini.elf");
    writeFileSync(file, `name = "two"\nkernel = "${kernel}"\nmemory = 16\n`);
    await xl("create", file);
    const { domid } = JSON.parse((await xl("list", "-l", "two")).out.replace(/^\[|\]\s*$/g, "")) as { domid: number };
    const waited = await xl("shutdown", "-w", "two");
    expect(waited).toMatchObject({ status: 0, out: "" });
    expect(waited.err).toMatch(
      new RegExp(`^Shutting down domain ${domid}\nDomain ${domid} has been (shut down, reason code 0|destroyed)\n$`),
    );
    expect(await refused("shutdown")).toContain("You must specify -a or a domain id.");
  });

  it("sends what a domain and Xen are told", async () => {
    expect(await xl("sysrq", "web", "h")).toMatchObject({ status: 0 });
    expect(await xl("debug-keys", "q")).toMatchObject({ status: 0 });
    expect((await xl("dmesg")).out).toContain("'q' pressed");
    expect(await refused("trigger", "web", "power")).toContain("Send trigger 'power' failed");
  });

  it("saves a domain to a file and restores it", async () => {
    const file = path.join(folder, "web.saved");
    const names = async (): Promise<string[]> =>
      (await xl("list")).out
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(/ +/)[0]!);
    const before = await names();
    expect(await xl("save", "-c", "web", file)).toMatchObject({ status: 0, err: `Saving to ${file}\n` });
    expect(await names()).toEqual(before);
    expect(await xl("restore", file)).toMatchObject({
      status: 1,
      err: expect.stringContaining("runs already") as string,
    });
    expect(await xl("save", "web", path.join(folder, "none", "web.saved"))).toMatchObject({
      status: 1,
      err: expect.stringContaining("there is no such folder") as string,
    });
    expect(await names()).toEqual(before);
    expect(await xl("save", "web", file)).toMatchObject({ status: 0 });
    expect(await names()).toEqual(before.filter((name) => name !== "web"));
    expect(await xl("restore", path.join(dist, "cli.js"))).toMatchObject({
      status: 1,
      err: expect.stringContaining("it is no saved domain") as string,
    });
    expect(await xl("restore", "-p", file)).toMatchObject({ status: 0, err: `Loading ${file}\n` });
    expect(await names()).toEqual(expect.arrayContaining(before));
    expect((await xl("list")).out).toMatch(/web .* --p---/);
    expect(await xl("unpause", "web")).toMatchObject({ status: 0 });
  });
});
