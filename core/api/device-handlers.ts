/** Carries out a session's requests about disks and networks. */
import type { z } from "zod";
import { DEVICE_KINDS } from "../dom0/backends/kinds.ts";
import { SpecError } from "../dom0/xenbus/kind.ts";
import { DEVICE_REQUESTS, MOST_PIECE_BYTES, type DeviceResults } from "./device-requests.ts";
import type { DiskIntake } from "./disk-intake.ts";
import { ApiFailure } from "./failure.ts";
import type { HostFiles } from "./host-files.ts";
import type { HostService } from "./host-service.ts";

type Handlers = {
  [N in keyof DeviceResults]: (
    args: z.output<(typeof DEVICE_REQUESTS)[N]>,
  ) => DeviceResults[N] | Promise<DeviceResults[N]>;
};

export function deviceHandlers(host: HostService, files: HostFiles, intake: DiskIntake): Handlers {
  /** What was set up is kept as it is then. */
  const kept = async <T>(change: Promise<T>): Promise<T> => {
    const result = await change;
    await host.keepNetworks();
    return result;
  };
  return {
    deviceAttach: (args) => {
      checkFiles(files, args);
      return host.toolstack.request("deviceAttach", args);
    },
    deviceDetach: ({ force, ...args }) =>
      host.toolstack.request("deviceDetach", { ...args, ...(force !== undefined && { force }) }),
    deviceList: (args) => host.toolstack.request("deviceList", args),
    mediumInsert: (args) => {
      checkFiles(files, args);
      return host.toolstack.request("mediumInsert", args);
    },
    inspectDisk: ({ path, format }) => {
      files.check(path);
      return host.toolstack.request("inspectDisk", { path, ...(format !== undefined && { format }) });
    },
    diskImages: () => host.images.all(),
    diskBegin: ({ name, size }) => intake.begin(name, size),
    diskChunk: async ({ intake: id, offset, bytes }) => {
      await intake.chunk(id, offset, bytes);
      return null;
    },
    diskEnd: ({ intake: id }) => intake.finish(id),
    diskDrop: async ({ intake: id }) => {
      await intake.drop(id);
      return null;
    },
    diskRemove: async ({ name }) => {
      await host.removeImage(name);
      return null;
    },
    networkList: () => host.toolstack.request("networkList"),
    networkCreate: ({ ipv4, ...args }) =>
      kept(host.toolstack.request("networkCreate", { ...args, ...(ipv4 !== undefined && { ipv4 }) })),
    networkRemove: (args) => kept(host.toolstack.request("networkRemove", args)),
    networkMode: (args) => kept(host.toolstack.request("networkMode", args)),
    networkForward: (args) => kept(host.toolstack.request("networkForward", args)),
    networkUnforward: (args) => kept(host.toolstack.request("networkUnforward", args)),
    networkService: (args) => kept(host.toolstack.request("networkService", args)),
    networkCapture: async ({ network, port, file }) => {
      if (file !== undefined && !files.mayNameAll)
        throw new ApiFailure(
          "EACCES",
          "This window may name no file to capture to: leave it out, and the host keeps it.",
        );
      const target = file ?? (await host.captures.place(port ?? network));
      await host.toolstack.request("networkCapture", { network, port, file: target });
      return { file: target };
    },
    networkCaptureEnd: (args) => host.toolstack.request("networkCaptureEnd", args),
    captures: () => host.captures.all(),
    captureRead: async ({ name, offset }) => ({ bytes: await host.captures.read(name, offset, MOST_PIECE_BYTES) }),
    captureRemove: async ({ name }) => {
      await host.removeCapture(name);
      return null;
    },
  };
}

/** What gives a domain files of the host's computer. Throws ApiFailure EACCES; what is wrong with the words is the toolstack's to say. */
function checkFiles(files: HostFiles, { key, spec, folder }: { key: string; spec: string; folder: string }): void {
  const config = DEVICE_KINDS.find((kind) => kind.config?.key === key)?.config;
  if (!config) return;
  try {
    const parsed = config.parse(spec, []);
    for (const file of (config.within?.(parsed, folder) ?? parsed).files) files.check(file);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
  }
}
