/** Carries out requests about virtual networks and captures. */
import { ApiFailure } from "../failure.ts";
import { MOST_PIECE_BYTES } from "../limits.ts";
import type { NETWORK_REQUESTS } from "../requests/networks.ts";
import type { HandlersOf } from "../requests/request.ts";
import { told } from "./binned-files.ts";
import type { SessionContext } from "./context.ts";

export function networkHandlers({ host, hostFiles }: SessionContext): HandlersOf<typeof NETWORK_REQUESTS> {
  /** Keeps what was set up, in the state after the change. */
  const kept = async <T>(change: Promise<T>): Promise<T> => {
    const result = await change;
    await host.keepNetworks();
    return result;
  };
  return {
    networkList: () => host.toolstack.request("networkList"),
    networkCreate: ({ ipv4, ...args }) =>
      kept(host.toolstack.request("networkCreate", { ...args, ...(ipv4 !== undefined && { ipv4 }) })),
    networkRemove: (args) => kept(host.toolstack.request("networkRemove", args)),
    networkMode: (args) => kept(host.toolstack.request("networkMode", args)),
    networkLoss: (args) => host.toolstack.request("networkLoss", args),
    networkForward: (args) => kept(host.toolstack.request("networkForward", args)),
    networkUnforward: (args) => kept(host.toolstack.request("networkUnforward", args)),
    networkService: (args) => kept(host.toolstack.request("networkService", args)),
    networkCapture: async ({ backend = 0, network, port, file }) => {
      if (file !== undefined && !hostFiles.mayNameAll)
        throw new ApiFailure(
          "EACCES",
          "This window may name no file to capture to: leave it out, and the host keeps it.",
        );
      const target = file ?? (await host.captures.place(port ?? network));
      await host.toolstack.request("networkCapture", { backend, network, port, file: target });
      return { file: target };
    },
    networkCaptureEnd: (args) => host.toolstack.request("networkCaptureEnd", args),
    captures: () => host.captures.all(),
    captureRead: async ({ name, offset }) => ({ bytes: await host.captures.read(name, offset, MOST_PIECE_BYTES) }),
    captureRemove: async ({ name }) => {
      const networks = host.state.power === "running" ? await host.toolstack.request("networkList") : [];
      const kept = (await host.captures.all()).find((each) => each.name === name);
      if (networks.some(({ captures }) => captures.some(({ file }) => file === kept?.path)))
        throw new ApiFailure("EBUSY", `${name} is being captured: stop that first.`);
      await host.captures.remove(name);
      return null;
    },
    captureBin: async () => told(await host.captures.bin.all()),
    captureRestore: ({ id }) => host.captures.bin.restore(id),
    capturePurge: async ({ id }) => {
      await host.captures.purge(id ?? null);
      return null;
    },
  };
}
