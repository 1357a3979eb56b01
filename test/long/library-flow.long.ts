/**
 * A Debian goes from its disk image to another computer, in a real Chromium against the built application: it is dropped, installed and stopped, is
 * there after power-off and a restart, and is started. A snapshot is taken while it runs, files are changed, it is reverted, a domain is made from a
 * snapshot, and fifty more snapshots are taken. It is forked while it runs, and a copy is deleted and put back. Then it is exported, imported into another
 * host's library and started there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { smallDebian, smallDebianMissing } from "../guests/small-debian.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "../ui/application.ts";
import { chromiumMissing } from "../ui/browser.ts";
import { startServeIn } from "../ui/serve.ts";
import { violationsOf } from "../ui/violations.ts";

const missing = chromiumMissing() ?? smallDebianMissing();
const SLOW = { timeout: 1_800_000, interval: 100 };
/** The seconds that a boot may take. */
const BOOT = 1800;
const SNAPSHOTS = 50;
const folder = temporaryFolder("library-flow");
const at = (...names: string[]): string => path.join(folder, ...names);
const disk = at("debian.img");
const exported = at("debian.xenarium.tar");
let app: Application;

const side = (name: string) => app.page.locator(`.side-domain[data-name="${name}"]`);
const state = (name: string) => side(name).getAttribute("data-state");
const button = (name: string) => app.page.locator(".page-header").getByRole("button", { name, exact: true });
const dialog = (name: string | RegExp) => app.page.getByRole("dialog", { name });
const rows = () => app.page.locator(".snapshot-list [role=treeitem]");
const idle = () => app.page.locator(".snapshots-work").waitFor({ state: "detached", ...SLOW });

async function open(computer: string): Promise<void> {
  // Nobody else may use the folder, because this test also makes requests by the host's own socket.
  mkdirSync(at(computer), { recursive: true, mode: 0o700 });
  app = await Application.of(await startServeIn(at(computer), "--host-memory", "1280", "--pcpus", "2"));
  await app.page.getByRole("button", { name: /^Host/ }).first().waitFor(SLOW);
}

let commands = 0;
/** Types a command to root's shell and returns the answer. The answer differs from the echo by something that the shell computes. */
async function shell(command: string): Promise<string> {
  const mark = ++commands;
  await app.type(`echo "<$((${mark}+1000)):$(${command})>"`);
  const answer = new RegExp(`<${mark + 1000}:([^>]*)>`);
  await app.waitForTerminal(answer, 600);
  return answer
    .exec(await app.terminalText())![1]!
    .replace(/\s+/g, " ")
    .trim();
}

async function login(): Promise<void> {
  await app.waitForTerminal(/login: ?\s*$/, BOOT);
  await app.type("root");
  await app.waitForTerminal(/# ?\s*$/, 600);
  // The console reports no size, so the shell takes it for 80 columns wide. It would write long commands over themselves, and answers over these.
  await app.type("stty cols 400");
}

interface Boot {
  /** Milliseconds by the clock, which include whatever else the computer does. */
  took: number;
  /** Milliseconds of processor time of the application, which are nearly the same however busy the computer is. */
  worked: number;
}

/** Measures from the press of the button to the login prompt. root is logged in afterwards. */
async function startAndLogIn(name: string): Promise<Boot> {
  await side(name).click();
  const [began, had] = [performance.now(), workedBy(app.served.pid)];
  await button("Start").click(SLOW);
  await app.waitForTerminal(/login: ?\s*$/, BOOT);
  const boot = { took: performance.now() - began, worked: workedBy(app.served.pid) - had };
  await login();
  return boot;
}

/** Milliseconds of user and system time of all threads together (proc(5), fields 14 and 15, in hundredths of a second). */
function workedBy(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function shutDown(name: string): Promise<void> {
  await app.command(`Shut down ${name}`);
  await expect.poll(() => state(name), SLOW).toBe("halted");
}

async function take(name: string): Promise<number> {
  await app.tab("Snapshots");
  const before = await rows().count();
  await app.page.getByRole("button", { name: "Take a snapshot…" }).click();
  const asked = dialog("Take a snapshot of debian");
  await asked.getByLabel("Name").fill(name);
  const began = performance.now();
  await app.page.keyboard.press("Enter");
  await expect.poll(() => rows().count(), SLOW).toBe(before + 1);
  await idle();
  return performance.now() - began;
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
const boots = ({ took, worked }: Boot): string => `${seconds(took)} (processors worked ${seconds(worked)})`;

describe.skipIf(missing !== null)(
  `a Debian in the library${missing ? ` (${missing})` : ""}`,
  { timeout: 3_600_000 },
  () => {
    afterAll(() => app?.stop());
    let first: Boot;

    it("is dropped as a disk image, described before anything is made of it, and installed", async () => {
      await smallDebian(disk);
      await open("here");
      const began = performance.now();
      await app.drop(disk, { zone: /New domain/, shot: "flow-drop" });
      const create = dialog("New domain");
      const facts = create.getByRole("group", { name: "What is on the disk" });
      await facts.getByText("Debian GNU/Linux 12 (bookworm)").first().waitFor(SLOW);
      console.log(
        `dropped: ${statSync(disk).size >> 20} MiB taken and looked at in ${seconds(performance.now() - began)}`,
      );
      expect(await facts.innerText()).toMatch(
        /raw disk image with an ext2, ext3 or ext4 file system, 320 MiB[^]*boots “Debian GNU\/Linux”/,
      );
      expect(await side("debian").count()).toBe(0);
      await app.shoot("flow-create");
      expect(await violationsOf(app.page)).toEqual([]);
      await create.getByRole("button", { name: "Create", exact: true }).click();
      await login();
      expect(await shell("cat /etc/debian_version; id -un")).toMatch(/^12\.\d+ root$/);
      expect(await shell("echo one > /root/state; sync; cat /root/state")).toBe("one");
    });

    it("stays when it stops, when the host is powered off, and when the application is started again; and starts", async () => {
      const { page } = app;
      await shutDown("debian");
      await page.getByRole("button", { name: /^Host/ }).first().click();
      await app.tab("Overview");
      await page.getByRole("button", { name: "Power off" }).click();
      await dialog("Power off the host").getByRole("button", { name: "Power off", exact: true }).click();
      await page.getByRole("button", { name: "Power on" }).waitFor(SLOW);
      expect(await state("debian")).toBe("halted");
      await app.stop();
      await open("here");
      await expect.poll(() => state("debian"), SLOW).toBe("halted");
      await app.tab("Domains");
      await app.shoot("flow-library");
      expect(await violationsOf(app.page)).toEqual([]);
      first = await startAndLogIn("debian");
      expect(await shell("cat /root/state")).toBe("one");
    });

    it("is taken a snapshot of while it runs, changes its files, and goes back; what it was is kept", async () => {
      const { page } = app;
      await app.type("THEN=then");
      const took = await take("With one");
      await app.tab("Console");
      const change =
        "echo two > /root/state; THEN=later; rm /etc/issue; dd if=/dev/urandom of=/root/large bs=1M count=8";
      await app.type(`${change} 2>/dev/null; sync`);
      expect(await shell("echo $THEN; cat /root/state; ls /etc/issue 2>&1 | tail -c 12; wc -c < /root/large")).toMatch(
        /^later two .*directory 8388608$/,
      );
      await app.tab("Snapshots");
      await rows().filter({ hasText: "With one" }).click();
      await page.getByRole("button", { name: "Go back…" }).click();
      const asks = dialog("Go back to With one");
      await asks.getByLabel("Name of the snapshot of now").fill("With two");
      const began = performance.now();
      await asks.getByRole("button", { name: "Go back", exact: true }).click();
      await page.locator(".page-sub", { hasText: "domid 2" }).waitFor(SLOW);
      await idle();
      console.log(
        `a snapshot with 256 MiB of memory: ${seconds(took)}; back to it, with one of now before: ${seconds(performance.now() - began)}`,
      );
      await expect.poll(() => rows().count(), SLOW).toBe(2);
      await app.shoot("flow-snapshots");
      expect(await violationsOf(page)).toEqual([]);
      await app.tab("Console");
      await app.type("echo 3 > /proc/sys/vm/drop_caches");
      expect(
        await shell("echo $THEN; cat /root/state; test -s /etc/issue && echo issue; ls /root/large 2>&1 | tail -c 10"),
      ).toBe("then one issue directory");
    });

    it("has a domain made from what it was, which runs beside it on disks of its own", async () => {
      const { page } = app;
      await app.tab("Snapshots");
      await rows().filter({ hasText: "With two" }).click();
      await page.getByRole("button", { name: "New domain…" }).click();
      await dialog("New domain from With two").getByLabel("Name of the domain").fill("debian-two");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "debian-two" }).waitFor(SLOW);
      await app.tab("Console");
      await app.type("echo 3 > /proc/sys/vm/drop_caches");
      expect(await shell("echo $THEN; cat /root/state; wc -c < /root/large")).toBe("later two 8388608");
      expect(await shell("echo three > /root/state; sync; cat /root/state")).toBe("three");
      await shutDown("debian-two");
      await side("debian").click();
      await app.tab("Console");
      expect(await shell("echo 3 > /proc/sys/vm/drop_caches; cat /root/state")).toBe("one");
    });

    it(`starts ${SNAPSHOTS} snapshots deep as fast as with none, and has all that was written between them`, async () => {
      const client = await app.client();
      const { uuid } = (await client.request("keptDomains")).find(({ name }) => name === "debian")!;
      const times: number[] = [];
      for (let i = 1; i <= SNAPSHOTS; i++) {
        expect(await shell(`echo ${i} >> /root/log; sync; wc -l < /root/log`)).toBe(String(i));
        const began = performance.now();
        await client.request("snapshotTake", { uuid, name: `Day ${i}`, memory: false });
        times.push(performance.now() - began);
      }
      client.close();
      times.sort((a, b) => a - b);
      console.log(
        `snapshots of disks while it runs: median ${Math.round(times[SNAPSHOTS / 2]!)} ms, worst ${Math.round(times.at(-1)!)} ms`,
      );
      await app.tab("Snapshots");
      await expect.poll(() => rows().count(), SLOW).toBe(SNAPSHOTS + 2);
      // What it runs from is seen at once, and so is what that is.
      const seen = app.page.locator('.snapshot-list [aria-current="true"], .snapshot-card h2');
      for (const each of await seen.all())
        await expect.poll(async () => (await each.boundingBox())!.y).toBeLessThan(app.page.viewportSize()!.height);
      await app.shoot("flow-snapshots-50");
      expect(await violationsOf(app.page)).toEqual([]);
      await shutDown("debian");
      const deep = await startAndLogIn("debian");
      console.log(`from Start to the login prompt: ${boots(first)} with no snapshot, ${boots(deep)} with ${SNAPSHOTS}`);
      expect(await shell("md5sum < /root/log; seq 50 | md5sum")).toMatch(/^(\w{32}) - \1 -$/);
      expect(await shell("cat /root/state")).toBe("one");
      await shutDown("debian");
      expect(deep.worked).toBeLessThan(first.worked * 1.5);
    });

    it("is forked while it runs: each copy goes on where it was, on disks of its own, and comes back when it is deleted", async () => {
      const { page } = app;
      await startAndLogIn("debian");
      await app.type("THEN=forked; echo fork > /root/state; sync");
      expect(await shell("echo $THEN; cat /root/state")).toBe("forked fork");
      await app.tab("Snapshots");
      await page.getByRole("button", { name: "Fork…" }).click();
      await dialog("Fork debian").getByLabel("Copies").fill("2");
      const began = performance.now();
      await page.keyboard.press("Enter");
      const copies = ["debian-fork-1", "debian-fork-2"];
      for (const name of copies)
        await expect.poll(() => state(name), { ...SLOW, interval: 10 }).toMatch(/running|idle/);
      console.log(`two copies of 256 MiB in the window: ${seconds(performance.now() - began)}`);
      await idle();
      for (const name of copies) {
        await side(name).click();
        await app.tab("Console");
        await app.type("echo 3 > /proc/sys/vm/drop_caches");
        expect(await shell("echo $THEN; cat /root/state")).toBe("forked fork");
        expect(await shell(`echo ${name} > /root/state; sync; cat /root/state`)).toBe(name);
      }
      await side("debian").click();
      await app.tab("Console");
      expect(await shell("echo 3 > /proc/sys/vm/drop_caches; cat /root/state; echo one > /root/state; sync")).toBe(
        "fork",
      );
      for (const name of ["debian", ...copies]) await shutDown(name);

      await side("debian-fork-1").click();
      await button("Delete").click();
      const question = dialog("Delete debian-fork-1");
      await question.getByText(/go to the bin/).waitFor(SLOW);
      await app.shoot("flow-delete");
      await question.getByRole("button", { name: "Delete", exact: true }).click();
      await side("debian-fork-1").waitFor({ state: "detached", ...SLOW });
      await app.command("Bin of deleted");
      await app.shoot("flow-bin");
      expect(await violationsOf(page)).toEqual([]);
      await page.getByRole("button", { name: "Put back debian-fork-1" }).click();
      await page.getByText("The bin is empty.").waitFor(SLOW);
      await page.keyboard.press("Escape");
      await startAndLogIn("debian-fork-1");
      expect(await shell("cat /root/state")).toBe("debian-fork-1");
      await shutDown("debian-fork-1");
    });

    it("goes out as one file, and into another computer's library, where it starts", async () => {
      const { page } = app;
      const exporting = performance.now();
      await side("debian").click({ button: "right" });
      const download = page.waitForEvent("download", SLOW);
      await page.getByRole("menuitem", { name: "Export" }).click();
      await (await download).saveAs(exported);
      console.log(`exported: ${statSync(exported).size >> 20} MiB in ${seconds(performance.now() - exporting)}`);
      expect(app.problems).toEqual([]);
      await app.stop();

      await open("elsewhere");
      const importing = performance.now();
      await app.drop(exported);
      const asked = dialog("Import a domain");
      await asked.getByText("A domain that Xenarium has exported").waitFor(SLOW);
      await app.shoot("flow-import");
      expect(await violationsOf(app.page)).toEqual([]);
      await asked.getByLabel("Name here").fill("moved");
      await app.page.keyboard.press("Enter");
      await expect.poll(() => state("moved"), SLOW).toBe("halted");
      console.log(`imported in ${seconds(performance.now() - importing)}`);
      expect(readdirSync(at("elsewhere/images"))).toEqual(["moved.qcow2"]);
      expect(existsSync(at("elsewhere/library/snapshots"))).toBe(false);
      const there = await startAndLogIn("moved");
      console.log(`from Start to the login prompt elsewhere: ${boots(there)}`);
      expect(await shell("md5sum < /root/log; seq 50 | md5sum")).toMatch(/^(\w{32}) - \1 -$/);
      expect(await shell("cat /root/state /etc/hostname")).toBe("one debian-disk");
      await app.shoot("flow-elsewhere");
      await shutDown("moved");
      expect(app.problems).toEqual([]);
    });
  },
);
