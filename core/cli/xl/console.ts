/** `xl console`: connects the terminal to the domain's console. */
import { Terminal } from "../terminal.ts";
import type { Host } from "./command.ts";

/** `number` is that of the console among the domain's. The terminal stays connected until Ctrl+] or the end of the domain. */
export async function connectConsole(host: Host, domid: number, number = 0): Promise<number> {
  const which = { domid, console: number };
  const terminal = new Terminal(process.stdout);
  let shown = Infinity;
  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const stop = [
    host.on("console", (output) => {
      const { bytes, offset } = output;
      if (output.domid !== domid || (output.console ?? 0) !== number || offset + bytes.length <= shown) return;
      terminal.write(bytes.subarray(Math.max(0, shown - offset)));
      shown = offset + bytes.length;
    }),
    host.on("destroyed", (gone) => {
      if (gone.domid === domid) leave();
    }),
  ];
  const snapshot = await host.request("consoleAttach", which);
  terminal.write(snapshot.log);
  shown = snapshot.end;
  terminal.attach(
    (bytes) => void host.request("consoleInput", { ...which, bytes: Uint8Array.from(bytes) }).catch(() => {}),
    leave,
  );
  await left;
  for (const off of stop) off();
  await terminal.detach();
  await host.request("consoleDetach", which).catch(() => {});
  return 0;
}
