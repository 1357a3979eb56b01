/** Subcommands that list a domain's split devices, as xenstore has them. */
import { ApiError } from "../../api/client.ts";
import { complain, domidOf, print, type Call, type Host, type XlCommands } from "./command.ts";

interface Device {
  id: string;
  /** Reads a node of the frontend; -1 for none. */
  read(name: string): string;
  /** Reads a node of the backend; empty for none. */
  readBackend(name: string): string;
  backend: string;
}

/** The toolstack knows which devices there are and where their backends are. The guest may write anything into its own nodes (XSA-175). */
async function devices(host: Host, domid: number, kind: string): Promise<Device[]> {
  const directory = `/libxl/${domid}/device/${kind}`;
  const ids = await host.request("xenstoreList", { path: directory });
  const all = await Promise.all(ids.map(async (id) => ({ id, known: await nodesOf(host, `${directory}/${id}`) })));
  // A domain's first console does not count as one that it was given.
  const given = all.filter(({ known }) => known.get("frontend")?.startsWith(`/local/domain/${domid}/device/`));
  return Promise.all(
    given.map(async ({ id, known }) => {
      const front = new Map([...(await nodesOf(host, known.get("frontend")!)), ...known]);
      const backend = known.get("backend") ?? "";
      const back = backend ? await nodesOf(host, backend) : new Map<string, string>();
      return {
        id,
        read: (name) => front.get(name) ?? "-1",
        readBackend: (name) => back.get(name) ?? "",
        backend,
      };
    }),
  );
}

/** Without those that are removed at that moment, which a guest can do as often as it likes. */
async function nodesOf(host: Host, directory: string): Promise<Map<string, string>> {
  const names = await host.request("xenstoreList", { path: directory });
  const values = new Map<string, string>();
  for (const name of names) {
    const node = await host.request("xenstoreRead", { path: `${directory}/${name}` }).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === "ENOENT") return null;
      throw error;
    });
    if (node) values.set(name, node.value);
  }
  return values;
}

function list(kind: string, header: string, row: (device: Device) => string) {
  return async ({ host, operands }: Call): Promise<number> => {
    print(`${header}\n`);
    let status = 0;
    for (const name of operands) {
      const domid = await domidOf(await host(), name).catch((error: Error) => {
        complain(error.message);
        status = 1;
        return null;
      });
      if (domid === null) continue;
      for (const device of await devices(await host(), domid, kind)) print(`${row(device)}\n`);
      for (const { id, problem } of await (await host()).request("deviceList", { domid, kind }))
        if (problem !== null) complain(`${name}, device ${id}: ${problem}`);
    }
    return status;
  };
}

/** Widths have the opposite sign of printf's: a negative width aligns to the right. No text of a domain may act as a command of the terminal. */
const cells = (widths: readonly number[], values: readonly string[]): string =>
  values
    .map((text) => text.replace(/\p{Cc}/gu, "?"))
    .map((value, i) => {
      const width = widths[i] ?? 0;
      return width < 0 ? value.padStart(-width) : value.padEnd(width);
    })
    .join(" ")
    .trimEnd();

/** There are no devices to pass through. */
async function none({ host, operands: [name] }: Call): Promise<number> {
  await domidOf(await host(), name!);
  return 0;
}

export const DEVICES: XlCommands = {
  "block-list": {
    summary: "List the virtual block devices of domains",
    operands: "<Domains...>",
    run: list("vbd", "Vdev  BE  handle state evt-ch ring-ref BE-path", ({ id, read, backend }) =>
      cells(
        [5, 3, 6, 5, 6, 8, 30],
        [id, read("backend-id"), id, read("state"), read("event-channel"), read("ring-ref"), backend],
      ),
    ),
  },
  "network-list": {
    summary: "List the virtual network interfaces of domains",
    operands: "<Domains...>",
    run: list(
      "vif",
      "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path",
      ({ id, read, backend }) =>
        cells(
          [3, 2, 17, 6, 5, 6, 17, 30],
          [
            id,
            read("backend-id"),
            read("mac"),
            id,
            read("state"),
            read("event-channel"),
            `${read("tx-ring-ref")}/${read("rx-ring-ref")}`,
            backend,
          ],
        ),
    ),
  },
  "vkb-list": {
    summary: "List the virtual keyboards of domains",
    operands: "<Domains...>",
    run: list(
      "vkbd",
      "Idx BE handle state evt-ch    ref ID         BE-type    BE-path                       ",
      ({ id, read, readBackend, backend }) =>
        cells(
          [3, 2, -6, -5, -6, -6, 10, 10, 30],
          [
            id,
            read("backend-id"),
            id,
            read("state"),
            read("event-channel"),
            read("page-ref"),
            readBackend("unique-id") || "(null)",
            readBackend("backend-type"),
            backend,
          ],
        ),
    ),
  },
  "vtpm-list": {
    summary: "List the virtual TPMs of domains",
    operands: "<Domains...>",
    run: list(
      "vtpm",
      "Idx BE Uuid                                 handle state evt-ch ring-ref BE-path",
      (device) => device.id,
    ),
  },
  "channel-list": {
    summary: "List the channels of domains",
    operands: "<Domains...>",
    run: list("console", "Idx BE state evt-ch ring-ref connection", ({ id, read, readBackend }) =>
      cells(
        [3, 2, 5, 6, -8, 10, 30],
        [
          id,
          read("backend-id"),
          read("state"),
          read("port"),
          read("ring-ref"),
          readBackend("connection"),
          readBackend("path"),
        ],
      ),
    ),
  },
  "pci-list": { summary: "List the PCI devices of a domain: none here", operands: "<Domain>", run: none },
  "usb-list": { summary: "List the USB devices of a domain: none here", operands: "<Domain>", run: none },
};
