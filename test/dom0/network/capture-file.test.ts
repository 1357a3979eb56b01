/** A capture that can't begin leaves no file, so that it can be asked for again under the same name. */
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { captureToFile } from "../../../core/dom0/network/capture-file.ts";
import { NetworkError, type Networks } from "../../../core/dom0/network/networks.ts";
import { temporaryFolder } from "../../temporary.ts";

it("of a network that is not there leaves no file, and the file of somebody else stays", async () => {
  const file = path.join(temporaryFolder("capture-file"), "a.pcap");
  const networks = {
    startCapture: (_file: string, network: string): void => {
      if (network !== "xenbr0") throw new NetworkError(`There is no bridge ${network}; there are xenbr0.`);
    },
  } as unknown as Networks;
  await expect(captureToFile(networks, { network: "lab0", port: null, file })).rejects.toThrow("no bridge lab0");
  expect(existsSync(file)).toBe(false);
  await captureToFile(networks, { network: "xenbr0", port: null, file });
  await expect(captureToFile(networks, { network: "lab0", port: null, file })).rejects.toThrow("a file of that name");
  expect(existsSync(file)).toBe(true);
});
