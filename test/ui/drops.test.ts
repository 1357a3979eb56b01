/**
 * What may be dropped on the window although it can't be used: folders, empty and huge files, names of all kinds, many files at once, files that
 * change or vanish, and a window that is closed meanwhile.
 */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { closeSync, ftruncateSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";
import { violationsOf } from "./violations.ts";

declare global {
  interface Window {
    alertsSeen: Set<string>;
  }
}

const SLOW = { timeout: 60_000 };
const MIB = 2 ** 20;
const TIB = 2 ** 40;
const LIBRARY = /Add to the library/;
const missing = chromiumMissing();
const state = temporaryFolder("ui-drops");
const files = temporaryFolder("dropped");
const mini = new URL("assets/guests/mini.elf", pathToFileURL(path.resolve("dist") + path.sep));
let app: Application;

const dialog = (name: string) => app.page.getByRole("dialog", { name });
const images = (): string[] => readdirSync(path.join(state, "images")).sort();
const said = (text: string | RegExp) => app.page.getByText(text).first().waitFor(SLOW);
const config = () => dialog("New domain").getByLabel("xl.cfg", { exact: true });
/** The xl.cfg, and all that the page has said was wrong: the next drop takes that away. */
const made = async (): Promise<string> =>
  [await config().inputValue(), ...(await app.page.evaluate(() => [...window.alertsSeen]))].join("\n");
const at = (name: string): string => path.join(files, name);

/** Makes a raw disk image of that many bytes, of which nearly all are holes. */
function image(name: string, bytes = MIB): string {
  const file = openSync(at(name), "w");
  ftruncateSync(file, bytes);
  writeSync(file, Buffer.from([0x55, 0xaa]), 0, 2, 510);
  closeSync(file);
  return at(name);
}

async function archive(name: string, member: string): Promise<string> {
  const tar = pack();
  tar.entry({ name: member }, "nothing");
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as unknown as AsyncIterable<Buffer>) parts.push(part);
  writeFileSync(at(name), Buffer.concat(parts));
  return at(name);
}

/** Waits until so much of that file has come that more of it is on its way. */
const comes = (name: string) =>
  expect.poll(images, SLOW).toContainEqual(expect.stringMatching(new RegExp(`^${name}\\..*part$`)));

async function open(): Promise<void> {
  app = await Application.of(await startServeIn(state, "--host-memory", "512", "--pcpus", "1"));
  await app.page.getByText("The host is up. Give it a guest.").waitFor(SLOW);
  await app.page.evaluate(() => {
    window.alertsSeen = new Set();
    const look = () => {
      for (const each of document.querySelectorAll('[role="alert"]')) window.alertsSeen.add(each.textContent ?? "");
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

describe.skipIf(missing !== null)(
  `what is dropped on the window${missing ? ` (${missing})` : ""}`,
  { timeout: 180_000 },
  () => {
    beforeAll(async () => {
      mkdirSync(path.join(state, "images"), { recursive: true });
      await open();
    }, 60_000);
    afterAll(() => app?.stop());

    it("is told of where it is a folder or empty, and what else was dropped with it is taken", async () => {
      mkdirSync(at("photos"));
      writeFileSync(at("photos/one.img"), "one");
      writeFileSync(at("empty.img"), "");
      await app.dropPaths([at("photos"), at("empty.img"), image("good.img")]);
      await said("photos is a folder: drop the files that are in it.");
      await dialog("New domain")
        .getByText(/^empty\.img: /)
        .waitFor(SLOW);
      await expect.poll(() => config().inputValue(), SLOW).toContain("good.img,raw,xvda,rw");
      await app.page.keyboard.press("Escape");
      await app.dropPaths([at("photos"), at("empty.img"), image("better.img")], LIBRARY);
      await said("empty.img is no disk image: qcow2, raw, VHD, VMDK and ISO are.");
      await said("better.img is among the host’s disk images now.");
      expect(images()).toEqual(["better.img", "good.img"]);
      await app.dropPaths([at("photos")]);
      expect(await app.page.getByRole("dialog").count()).toBe(0);
      writeFileSync(at("empty.ova"), "");
      await app.dropPaths([at("empty.ova")]);
      await dialog("Import a domain").getByRole("alert").waitFor(SLOW);
      expect(await dialog("Import a domain").getByRole("button", { name: "Import", exact: true }).isEnabled()).toBe(
        false,
      );
      await app.page.keyboard.press("Escape");
    });

    it("has names that lead nowhere, turn nothing round and end no string", async () => {
      const names = ["..\n\x1b[2J\u202egmi.\"x'\\.img", `${"ü".repeat(100)}.img`, ".. .img", "con.img"];
      await app.dropPaths(
        names.map((name) => image(name)),
        LIBRARY,
      );
      await expect.poll(() => images().filter((name) => !name.endsWith("part")).length, SLOW).toBe(2 + names.length);
      // No file of the computer has such a name, but a page may give it to a file that it makes.
      await app.page.evaluate(() => {
        const bytes = new Uint8Array(1 << 20);
        bytes.set([0x55, 0xaa], 510);
        const transfer = new DataTransfer();
        for (const name of ["../../../evil.img", "..\\..\\evil.img", "/etc/evil.img", "\ud83d.img"])
          transfer.items.add(new File([bytes], name));
        document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: transfer }));
      });
      await expect.poll(() => config().inputValue(), SLOW).toContain("xvdd");
      const text = await config().inputValue();
      const named = [...text.matchAll(/"([^"]*),raw,xvd\w,rw"/g)].map((each) => each[1]!);
      expect(named).toHaveLength(4);
      for (const each of named) expect(path.dirname(each)).toBe(path.join(state, "images"));
      await dialog("New domain").getByText("is not understood").waitFor({ state: "detached" });
      await app.page.keyboard.press("Escape");
      for (const name of images()) expect(name).toMatch(/^[\w+-][\w.+-]*$/);
      expect(readdirSync(path.dirname(state)).filter((name) => name.includes("evil"))).toEqual([]);
    });

    it("may be many: what is no image is told of, and the images are taken", async () => {
      const many = Array.from({ length: 120 }, (_, i) => at(`note-${i}.txt`));
      for (const file of many) writeFileSync(file, "a note\n");
      const before = images().length;
      await app.dropPaths([...many, image("among-many.img")], LIBRARY);
      await said("among-many.img is among the host’s disk images now.");
      expect(images()).toHaveLength(before + 1);
      // The dialog still says what is wrong with them after the next file, which has waited for them.
      await app.dropPaths(many);
      await dialog("New domain")
        .getByText(/^(Reading|Looking into) note-/)
        .waitFor(SLOW);
      await app.dropPaths([image("after-many.img")]);
      await expect.poll(() => config().inputValue(), SLOW).toContain("after-many.img");
      expect(await dialog("New domain").getByRole("alert").count()).toBe(many.length);
      await app.page.keyboard.press("Escape");
      await app.dropPaths([image("among-more.img"), ...many]);
      await dialog("New domain")
        .getByText(/^(Reading|Looking into) note-/)
        .waitFor(SLOW);
      // A user who meant something else stops it, and nothing of it gets into the new domain.
      await dialog("New domain").getByRole("button", { name: "Stop" }).click();
      await dialog("New domain").getByRole("progressbar").waitFor({ state: "detached" });
      expect(await config().inputValue()).not.toContain("among-more.img");
      await app.page.keyboard.press("Escape");
      await dialog("New domain").waitFor({ state: "detached" });
    });

    it("comes one after the other where it is dropped while another is taken: nothing of the first is lost", async () => {
      copyFileSync(mini, at("mini.elf"));
      await app.dropPaths([at("mini.elf")]);
      await app.dropPaths([image("second.img")]);
      await app.dropPaths([image("third.img")]);
      await expect
        .poll(made, SLOW)
        .toMatch(/kernel = "mini\.elf"[^]*second\.img,raw,xvda,rw[^]*third\.img,raw,xvdb,rw/);
      await dialog("New domain").getByLabel("Name", { exact: true }).fill("typed");
      // The same file is dropped again, and it is meant.
      await app.dropPaths([at("third.img")]);
      await expect.poll(() => config().inputValue(), SLOW).toContain("xvdc");
      expect(await config().inputValue()).toContain('name = "typed"');
      // Two drops that the window hears of before it can draw anything.
      await app.page.evaluate(() => {
        for (const name of ["fourth.img", "fifth.img"]) {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(1024 * 1024)], name));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: transfer }));
        }
      });
      await expect.poll(() => config().inputValue(), SLOW).toMatch(/fourth\.img,raw,xvdd,rw[^]*fifth\.img,raw,xvde,rw/);
      await app.page.keyboard.press("Escape");

      await app.dropPaths([await archive("one.tar", "first.txt")]);
      const asked = dialog("Import a domain");
      await asked.getByText("it begins with first.txt").waitFor(SLOW);
      await app.dropPaths([await archive("two.tar", "second.txt")]);
      await asked.getByText("it begins with second.txt").waitFor(SLOW);
      await app.page.keyboard.press("Escape");
      image("a.img");
      for (let times = 0; times < 2; times++) await app.dropPaths([at("a.img")], LIBRARY);
      await expect
        .poll(() => images().filter((name) => /^a(-2)?\.img$/.test(name)), SLOW)
        .toEqual(["a-2.img", "a.img"]);
    });

    it("goes to who asks for a disk, also where another of that name is on its way", async () => {
      await app.command("New domain");
      await dialog("New domain").getByRole("button", { name: "The bundled guest" }).click();
      await expect.poll(() => config().inputValue(), SLOW).toContain("mini");
      // What is dropped while the domain is being created would be lost with the dialog. The dialog says so.
      await dialog("New domain")
        .getByRole("button", { name: "Create", exact: true })
        .evaluate(async (button: HTMLButtonElement) => {
          button.click();
          while (!button.disabled) await Promise.resolve();
          const transfer = new DataTransfer();
          transfer.items.add(new File(["late"], "late.img"));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: transfer }));
        });
      await said("The open dialog is at work and takes no files now. Give them again when it is done.");
      await app.waitForTerminal(/mini> /, 60);
      mkdirSync(at("other"));
      await app.dropPaths([image("disk.img", 4 * TIB)], /Attach to/);
      await comes("disk.img");
      const attach = app.page.getByRole("dialog", { name: /^Attach to/ });
      await attach.getByLabel("Read-only").check();
      await attach.getByLabel("Device name").fill("xvdq");
      await app.dropPaths([image("other/disk.img")]);
      await attach.getByRole("button", { name: /^disk(-2)?\.img$/ }).waitFor(SLOW);
      // What was chosen before does not change.
      expect(await attach.getByLabel("Read-only").isChecked()).toBe(true);
      expect(await attach.getByLabel("Device name").inputValue()).toBe("xvdq");
      await expect
        .poll(() => images().filter((name) => /^disk(-2)?\.img/.test(name)), SLOW)
        .toEqual([expect.stringMatching(/^disk(-2)?\.img$/)]);
      await app.page.keyboard.press("Escape");
    });

    it("goes into the folder that its domain shares: whole, under a plain name, and in place of another only if asked", async () => {
      const shared = temporaryFolder("ui-shared");
      const here = (): string[] => readdirSync(shared).sort();
      const [zone, name] = [/Put into a shared folder/, "note.txt"];
      const client = await app.client();
      const { domid, name: domain } = await client.request("createBundled", { vcpus: 1 });
      await app.page.locator(".side-domain").filter({ hasText: domain }).click();
      const share = (tag: string) =>
        client.request("deviceAttach", {
          domid,
          key: "p9",
          spec: `tag=${tag},security_model=none,path=${shared}`,
          folder: "/",
        });
      await share("share");
      writeFileSync(at(name), "one");
      await app.drop(at(name), { zone, shot: "drop-share" });
      await said(`${name} is in share of ${domain}.`);
      expect(readFileSync(path.join(shared, name), "utf8")).toBe("one");
      writeFileSync(at(name), "two");
      symlinkSync(path.join(files, "empty.img"), path.join(shared, "good.img"));
      await app.dropPaths([at(name), at("good.img"), image("second.img")], zone);
      const asked = dialog("Replace 2 files in share?");
      await asked.getByText(`In share of ${domain} there are already: note.txt, good.img.`).waitFor(SLOW);
      expect([here(), readFileSync(path.join(shared, name), "utf8")]).toEqual([
        ["good.img", name, "second.img"],
        "one",
      ]);
      await asked.getByRole("button", { name: "Replace" }).click();
      await expect.poll(() => statSync(path.join(shared, "good.img")).size, SLOW).toBe(MIB);
      expect(readFileSync(path.join(shared, name), "utf8")).toBe("two");
      // What the guest's link led to is what it was.
      expect(statSync(at("empty.img")).size).toBe(0);
      await app.dropPaths([image("too-large.img", 4 * TIB)], zone);
      await said(
        "This computer's disk is full: too-large.img could not be put into share, and nothing of it was kept.",
      );
      await app.dropPaths([image("stopped.img", 2 ** 30)], zone);
      await expect.poll(() => here().some((each) => each.startsWith(".xenarium-incomplete-")), SLOW).toBe(true);
      const asClient = { client: crypto.randomUUID() };
      const task = async (): Promise<{ id: number } | undefined> =>
        (await client.request("journalAttach", asClient)).entries.find(
          ({ title }) => title === `Put stopped.img into share of ${domain}`,
        );
      // The file that is incomplete may still be the one before.
      await expect.poll(task, SLOW).toBeDefined();
      await client.request("taskCancel", { id: (await task())!.id });
      await expect.poll(here, SLOW).toEqual(["good.img", name, "second.img"]);
      // Of several folders one is chosen.
      await share("again");
      await app.dropPaths([image("third-of-them.img")], zone);
      const which = dialog(`Put into a shared folder of ${domain}`);
      await which.getByLabel("Shared folder").selectOption("again");
      expect(await violationsOf(app.page)).toEqual([]);
      await app.shoot("put-files");
      await which.getByRole("button", { name: "Put there" }).click();
      await said(`third-of-them.img is in again of ${domain}.`);
      await client.request("destroy", { domid });
      client.close();
    });

    it("is a disk also where it comes from other hypervisors: read, disposable, or made a qcow2 image of", async () => {
      const client = await app.client();
      const { domid, name: domain } = await client.request("createBundled", { vcpus: 1 });
      const { path: vhd } = await client.request("imageCopy", {
        path: path.join(state, "images", "good.img"),
        name: "foreign",
        format: "vhd",
      });
      renameSync(vhd, at("foreign.vhd"));
      await app.dropPaths([at("foreign.vhd")]);
      await expect.poll(() => config().inputValue(), SLOW).toContain("foreign.vhd,vhd,xvda,ro");
      const row = dialog("New domain").getByRole("group", { name: "The disk xvda" });
      await row.getByLabel("Read-only").uncheck();
      await expect.poll(() => config().inputValue()).toContain("foreign.vhd,vhd,xvda,rw,disposable");
      expect(await row.getByLabel("Disposable").isDisabled()).toBe(true);
      expect(await violationsOf(app.page)).toEqual([]);
      await app.shoot("create-vhd");
      await row.getByRole("button", { name: "Convert to qcow2" }).click();
      await expect.poll(() => config().inputValue(), SLOW).toContain("foreign.qcow2,qcow2,xvda,rw");
      expect(await row.getByRole("button", { name: "Convert to qcow2" }).count()).toBe(0);
      await app.page.keyboard.press("Escape");
      await dialog("New domain").waitFor({ state: "detached" });
      await app.page.locator(".side-domain").filter({ hasText: domain }).click();
      await app.dropPaths([at("foreign.vhd")], /Attach to/);
      const attach = app.page.getByRole("dialog", { name: /^Attach to/ });
      await attach.getByRole("button", { name: "Convert to qcow2" }).waitFor(SLOW);
      expect(await attach.getByLabel("Read-only").isChecked()).toBe(true);
      await attach.getByRole("button", { name: "Attach", exact: true }).click();
      await said(/foreign(-2)?\.vhd is attached as xvd\w of /);
      await client.request("destroy", { domid });
      client.close();
    });

    it("may change or vanish while it comes: that is said, and nothing of it stays; one that is too large is refused", async () => {
      await app.dropPaths([image("changes.img", 4 * TIB)], LIBRARY);
      await comes("changes.img");
      appendFileSync(at("changes.img"), "more");
      await said("changes.img can’t be read: it is a folder, or it was changed, moved or removed since it was given.");
      await app.dropPaths([image("vanishes.img", 4 * TIB)]);
      await comes("vanishes.img");
      rmSync(at("vanishes.img"));
      await dialog("New domain").getByText("vanishes.img can’t be read").waitFor(SLOW);
      await app.page.keyboard.press("Escape");
      await app.dropPaths([image("huge.img", 9 * TIB)], LIBRARY);
      await said(/huge\.img has \d+ bytes; allowed: up to/);
      await expect.poll(() => images().filter((name) => /changes|vanishes|huge/.test(name)), SLOW).toEqual([]);
      expect(app.problems).toEqual([]);
    });

    it("is gone when its window goes before it is whole", async () => {
      await app.dropPaths([image("left.img", 4 * TIB)], LIBRARY);
      await comes("left.img");
      await app.page.close();
      await expect.poll(() => images().filter((name) => name.startsWith("left")), SLOW).toEqual([]);
      const client = await app.client();
      const { entries } = await client.request("journalAttach", { client: crypto.randomUUID() });
      client.close();
      expect(entries.find(({ title }) => title.includes("left.img"))).toMatchObject({
        state: "cancelled",
        detail: "Its window went.",
      });
    });
  },
);
