/** Channels with Debian's kernel: hvc1 is a socket of the host's, hvc2 a console with a number. */
import { connect } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { onConsole } from "./on-console.ts";

const guests = guestsMissing();
const folder = temporaryFolder("channel-guest");
let host: HostService;
const { ask } = onConsole(() => host);

beforeAll(async () => {
  host = builtHost({ memoryMiB: 512 });
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe.skipIf(guests !== null)(`channels${guests ? ` (${guests})` : ""}`, () => {
  it("are further consoles of Linux's", async () => {
    const script = [
      "exec 3<>/dev/hvc1 4<>/dev/hvc2",
      "stty raw -echo <&3; stty raw -echo <&4",
      "echo READY",
      'read -r line <&3; echo "back: $line" >&3',
      'read -r line <&4; echo "two: $line" >&4',
      "sleep 1000",
    ].join("\n");
    const config = [
      `name = "channels"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${initramfs("ready", script)}"`,
      `cmdline = "console=hvc0 quiet"`,
      `memory = 128`,
      `channel = ["name=org.xen.guest,connection=socket,path=agent", "name=b,connection=pty"]`,
    ].join("\n");
    const { domid } = await ask("create", { config, configName: path.join(folder, "channels.cfg") });
    const shown = async (console = 0): Promise<string> =>
      Buffer.from((await ask("consoleAttach", { domid, console })).log).toString("latin1");
    await expect.poll(() => shown(), { timeout: 120_000, interval: 50 }).toMatch(/^READY/m);
    let heard = "";
    const socket = connect(path.join(folder, "agent"));
    socket.on("data", (bytes) => (heard += bytes.toString()));
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write("from the host\n");
    await expect.poll(() => heard, { timeout: 60_000 }).toBe("back: from the host\n");
    await ask("consoleInput", { domid, console: 2, bytes: Buffer.from("typed\n") });
    await expect.poll(() => shown(2), { timeout: 60_000 }).toBe("two: typed\n");
    expect(await shown()).not.toContain("from the host");
    await ask("destroy", { domid });
    await expect.poll(() => socket.destroyed || socket.readableEnded, { timeout: 20_000 }).toBe(true);
    expect(await ask("checkInvariants")).toBe(0);
  }, 240_000);
});
