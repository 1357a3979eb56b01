/** Carries out requests about devices of running domains, and about their wiring. */
import { DEVICE_KINDS } from "../../dom0/backends/kinds.ts";
import { SpecError } from "../../dom0/xenbus/kind.ts";
import { FileIntake } from "../file-intake.ts";
import type { HostFiles } from "../host-files.ts";
import type { DEVICE_REQUESTS } from "../requests/devices.ts";
import type { HandlersOf } from "../requests/request.ts";
import { Sampler } from "../sampler.ts";
import { openShared } from "../shared-intake.ts";
import { passTo, type SessionContext } from "./context.ts";
import { mayMeasure } from "./figures.ts";

export function deviceHandlers(session: SessionContext): HandlersOf<typeof DEVICE_REQUESTS> {
  const { host, hostFiles } = session;
  const pass = passTo(host);
  let wiringOf = 0;
  const wiring = new Sampler(
    async () => session.send("wiring", await host.toolstack.request("wiring", { domid: wiringOf })),
    () => mayMeasure(session),
  );
  const intake = new FileIntake(host.journal, () => session.who);
  session.onEnd(() => {
    wiring.every(0);
    intake.end();
  });
  const detach = pass("deviceDetach");
  /** What is attached is also there after the domain's next start, as in libxl's stored configuration. */
  const kept = async <T>(domid: number, change: Promise<T>): Promise<T> => {
    const result = await change;
    await host.kept.changedRunning(domid);
    return result;
  };
  return {
    deviceAttach: (args) => {
      checkFiles(hostFiles, args);
      return kept(args.domid, host.toolstack.request("deviceAttach", args));
    },
    deviceDetach: (args) => kept(args.domid, detach(args)),
    deviceList: pass("deviceList"),
    mediumInsert: (args) => {
      checkFiles(hostFiles, args);
      return kept(args.domid, host.toolstack.request("mediumInsert", args));
    },
    diskResize: pass("diskResize"),
    sharedFileBegin: async (args) => {
      const folder = await host.toolstack.request("sharedFolder", { domid: args.domid, device: args.device });
      return intake.begin(`Put ${args.name} into ${folder.tag} of ${folder.domain}`, () =>
        openShared(host.toolstack, hostFiles, folder, args),
      );
    },
    sharedFileChunk: async ({ intake: id, offset, bytes }) => {
      await intake.chunk(id, offset, bytes);
      return null;
    },
    sharedFileEnd: async ({ intake: id }) => {
      await intake.finish(id);
      return null;
    },
    sharedFileDrop: async ({ intake: id }) => {
      await intake.drop(id);
      return null;
    },
    wiring: pass("wiring"),
    wiringEvery: ({ domid, milliseconds }) => {
      wiringOf = domid;
      wiring.every(milliseconds);
      return null;
    },
    handshakes: pass("handshakes"),
    handshake: pass("handshake"),
  };
}

/**
 * Checks a device that gives a domain files of the host's computer. Throws ApiFailure EACCES. Errors in the specification itself are reported by the
 * toolstack.
 */
function checkFiles(files: HostFiles, { key, spec, folder }: { key: string; spec: string; folder: string }): void {
  const config = DEVICE_KINDS.find((kind) => kind.config?.key === key)?.config;
  if (!config) return;
  try {
    const parsed = config.parse(spec, []);
    files.checkDevice(config.within?.(parsed, folder) ?? parsed);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
  }
}
