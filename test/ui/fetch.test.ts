/** From the first start to a real Linux in two clicks, and files by their addresses. The server is on the loopback, and the user's list names it. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { fileAnswer, startServer, type Answering, type TestServer } from "../library/downloads/server.ts";
import { temporaryFolder } from "../temporary.ts";
import { Application } from "./application.ts";
import { chromiumMissing } from "./browser.ts";
import { startServeIn } from "./serve.ts";

const missing = chromiumMissing() ?? guestsMissing();
let app: Application;
let server: TestServer;
let stranger: TestServer;
let state: string;

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const dialog = (name: string) => app.page.getByRole("dialog", { name });

/** Gives the first half of a file, and the rest when the test calls `go`. */
function inHalves(bytes: Buffer): { answer: Answering; go: () => void } {
  let go!: () => void;
  const rest = new Promise<void>((resolve) => (go = resolve));
  const half = Math.floor(bytes.length / 2);
  return {
    go,
    answer: (request, response) => {
      if (request.method === "HEAD" || request.headers.range) return fileAnswer(bytes)(request, response);
      response.writeHead(200, { "Content-Length": bytes.length, ETag: '"one"' });
      response.write(bytes.subarray(0, half));
      void rest.then(() => response.end(bytes.subarray(half)));
    },
  };
}

describe.skipIf(missing !== null)(`fetching${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    [server, stranger] = await Promise.all([startServer(), startServer()]);
    state = temporaryFolder("fetch-ui");
    app = await Application.of(await startServeIn(state, "--browser", "--host-memory", "768", "--pcpus", "1"));
    await app.page.getByRole("note").filter({ hasText: "came with Xenarium" }).waitFor();
  });
  afterAll(async () => {
    await app?.stop();
    await Promise.all([server?.close(), stranger?.close()]);
  });

  it("speaks of the small guest that came with it by its name where another thing is looked at", async () => {
    const hint = app.page.getByRole("note");
    await hint.filter({ hasText: "This small guest came with Xenarium: type help." }).waitFor();
    await app.page.locator(".sidebar .side-item", { hasText: "Host" }).click();
    await hint.filter({ hasText: "The small guest mini-1 came with Xenarium: type help on its console." }).waitFor();
  });

  it("gets a Linux with two clicks, its size and checksum seen before, to its shell", async () => {
    const kernel = readFileSync(debianKernel());
    const ramdisk = readFileSync(initramfs("shell"));
    const halves = inHalves(kernel);
    // The paths are those of Debian's netboot folder, with a list of checksums further up.
    server.answers.set("/images/netboot/xen/vmlinuz", halves.answer);
    server.answers.set("/images/netboot/xen/initrd.gz", fileAnswer(ramdisk));
    const sums = `${sha256(kernel)}  ./netboot/xen/vmlinuz\n`;
    server.answers.set("/images/SHA256SUMS", fileAnswer(Buffer.from(sums)));
    const at = `${server.origin}/images`;
    const guest = {
      id: "debian-here",
      name: "Debian from here",
      description: "Debian’s kernel and a shell, from a server of the house.",
      architecture: "x86_64",
      kernel: { url: `${at}/netboot/xen/vmlinuz`, checksums: `${at}/SHA256SUMS` },
      ramdisk: { url: `${at}/netboot/xen/initrd.gz` },
      cmdline: "console=hvc0",
      memory: 256,
      network: false,
    };
    writeFileSync(path.join(state, "guests.json"), JSON.stringify({ guests: [guest] }));

    await app.page.getByRole("button", { name: "Get a Linux…" }).click();
    const box = dialog("Get a guest from the web");
    const files = box.getByRole("list", { name: "What is fetched for Debian from here" });
    await files.getByText(sha256(kernel)).waitFor();
    const text = await files.innerText();
    expect(text).toMatch(/Kernel [\d.]+ MiB/);
    expect(text).toContain("SHA-256 from the list of checksums beside it, checked while it comes");
    expect(text).toMatch(/RAM disk [\d.]+ [KM]iB/);
    expect(text).toContain("No checksum, and not by https: nothing vouches for it");
    await app.shoot("fetch-guest");
    await box.getByRole("button", { name: "Fetch and start" }).click();

    const progress = box.getByRole("progressbar");
    await expect.poll(() => progress.getAttribute("value")).toMatch(/^0\.[45]/);
    await app.shoot("fetch-running");
    halves.go();
    await box.waitFor({ state: "detached", timeout: 120_000 });
    await app.page.getByRole("heading", { level: 1, name: "debian-here" }).waitFor();
    await app.waitForTerminal(/GUEST-READY/, 150);
    await app.type("echo $((6*7))");
    await app.waitForTerminal(/^42/m, 60);
    await app.shoot("fetch-console");
  }, 240_000);

  it("takes a file by its address into New domain, and says what it may not fetch", async () => {
    const { page } = app;
    await page.keyboard.press("Control+Shift+N");
    const box = dialog("New domain");
    await box.getByRole("button", { name: "From the web…" }).click();
    const address = box.getByLabel("Address", { exact: true });
    await address.fill(`${stranger.origin}/vmlinuz`);
    await expect.poll(() => box.getByLabel("It is a").inputValue()).toBe("kernel");
    await box.getByText("Not by https and without a checksum").waitFor();
    await box.getByRole("button", { name: "Fetch", exact: true }).click();
    await box.getByRole("alert").filter({ hasText: "where a window may not send the host" }).waitFor();
    expect(stranger.asked).toEqual([]);

    const mini = readFileSync(path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf"));
    server.answers.set("/kernels/mini.elf", fileAnswer(mini));
    await address.fill(`${server.origin}/kernels/mini.elf`);
    await box.getByLabel("Checksum, if you have one").fill("0".repeat(64));
    await address.press("Enter");
    await box.getByRole("alert").filter({ hasText: "mini.elf is not what it should be" }).waitFor();
    await box.getByLabel("Checksum, if you have one").fill(sha256(mini));
    await address.press("Enter");
    const kept = path.join(state, "kernels", "mini.elf");
    await expect.poll(() => box.getByLabel("Name", { exact: true }).inputValue()).toBe("mini");
    expect(await box.getByLabel("xl.cfg", { exact: true }).inputValue()).toContain(`kernel = "${kept}"`);
    await app.shoot("fetch-new-domain");
    await box.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "mini" }).waitFor();
    await app.waitForTerminal(/mini> /, 15);
  });

  it("stops, shows what has come, goes on with it, and offers it again as an image", async () => {
    const { page } = app;
    const disk = Buffer.alloc(3 * 2 ** 20);
    disk.writeUInt16LE(0xaa55, 510);
    server.answers.set("/data.img", inHalves(disk).answer);
    await page.keyboard.press("Control+Shift+N");
    const box = dialog("New domain");
    // What was fetched before is offered.
    await box.getByLabel("A kernel or RAM disk that was fetched before").waitFor();
    await box.getByRole("button", { name: "From the web…" }).click();
    await box.getByLabel("Address", { exact: true }).fill(`${server.origin}/data.img`);
    await box.getByRole("button", { name: "Fetch", exact: true }).click();
    const running = box.locator(".from-web .progress");
    await running.getByText("1.5 MiB of 3 MiB").waitFor();
    await running.getByRole("button", { name: "Stop" }).click();
    const left = box.getByRole("region", { name: "Stopped half-way" });
    await left.getByText("It was stopped.").waitFor();
    await app.shoot("fetch-stopped");
    await left.getByRole("button", { name: "Go on" }).click();
    await left.waitFor({ state: "detached" });
    await expect
      .poll(() => box.getByLabel("xl.cfg", { exact: true }).inputValue())
      .toContain(path.join(state, "images", "data.img"));
    await box.getByRole("button", { name: "Cancel" }).click();
    expect(server.asked.filter(({ path: at }) => at === "/data.img").at(-1)!.range).toBe(`bytes=${1.5 * 2 ** 20}-`);
    expect(app.problems).toEqual([]);
  });
});
