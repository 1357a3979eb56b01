/** What xl says of a domain's devices is what the toolstack knows, although the domains at both ends may have written anything. */
import { expect, it, vi } from "vitest";
import type { Call } from "../../core/cli/xl/command.ts";
import { ApiError } from "../../core/api/client.ts";
import { DEVICES } from "../../core/cli/xl/devices.ts";

const NODES: Record<string, string> = {
  "/libxl/5/device/vbd/51728/backend": "/local/domain/3/backend/vbd/5/51728",
  "/libxl/5/device/vbd/51728/backend-id": "3",
  "/libxl/5/device/vbd/51728/frontend": "/local/domain/5/device/vbd/51728",
  "/local/domain/5/device/vbd/51728/backend": "/local/domain/0/backend/vbd/1/51712",
  "/local/domain/5/device/vbd/51728/backend-id": "0",
  "/local/domain/5/device/vbd/51728/state": "4",
  "/local/domain/5/device/vbd/51728/event-channel": "\x1b]0;owned\x07\x1b[2J",
  "/local/domain/5/device/vbd/51728/come-and-gone": "listed, and removed before it is read",
  "/local/domain/5/device/vbd/51744/backend": "made up",
};

const LISTED = [
  { id: "51728", problem: "Its backend ended." },
  { id: "51744", problem: null },
];

it("is not what a guest has put into its own nodes, nor an order to the terminal", async () => {
  const request = (name: string, { path }: { path: string }): Promise<unknown> => {
    if (name === "resolve") return Promise.resolve(5);
    if (name === "deviceList") return Promise.resolve(LISTED);
    if (path?.endsWith("/come-and-gone")) return Promise.reject(new ApiError({ code: "ENOENT", message: "gone" }));
    if (name === "xenstoreRead") return Promise.resolve({ value: NODES[path] ?? "", permissions: [] });
    const below = Object.keys(NODES).filter((each) => each.startsWith(`${path}/`));
    return Promise.resolve([...new Set(below.map((each) => each.slice(path.length + 1).split("/")[0]))]);
  };
  let [said, complained] = ["", ""];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  const complain = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    complained += String(text);
    return true;
  });
  try {
    const host = { request } as never;
    await DEVICES["block-list"]!.run({
      host: () => Promise.resolve(host),
      operands: ["5"],
      options: {},
    } as unknown as Call);
  } finally {
    write.mockRestore();
    complain.mockRestore();
  }
  expect(complained).toBe("5, device 51728: Its backend ended.\n");
  const lines = said.trimEnd().split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^51728 3 +51728 +4 .*\/local\/domain\/3\/backend\/vbd\/5\/51728$/);
  expect(said.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});
