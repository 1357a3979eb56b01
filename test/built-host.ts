/** The host of the built application, in the test's own process. */
import type { HostServiceOptions } from "../core/api/host-options.ts";
import { HostService } from "../core/api/host-service.ts";
import { bundledGuest, dist } from "./dist.ts";

/** A host that is off and keeps nothing; of 256 MiB and one pCPU, unless the test says otherwise. */
export function builtHost(options: Partial<HostServiceOptions> = {}): HostService {
  return new HostService({ imageFolder: dist, bundledGuest, memoryMiB: 256, pcpus: 1, ...options });
}
